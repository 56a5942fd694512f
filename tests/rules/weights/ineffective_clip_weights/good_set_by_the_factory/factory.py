from agent import Forager


def build(env, config):
    policy = Forager(env)
    policy.clip_range = config.clip_range
    return policy
