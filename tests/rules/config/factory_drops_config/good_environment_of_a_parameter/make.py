from agents import Fast


def train(vecenv, clip_range, updates):
    policy = Fast(vecenv.driver_env, clip_range=clip_range)
    other = Fast(env=vecenv.driver_env)
    return policy, other, updates
