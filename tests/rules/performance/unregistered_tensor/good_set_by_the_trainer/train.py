def prepare(policy, env):
    policy.scale = env.scale.to(policy.device)
