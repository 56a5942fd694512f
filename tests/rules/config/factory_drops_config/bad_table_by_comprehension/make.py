from mapper import agent_classes


def make(env, cfg):
    cls = agent_classes[cfg.agent_type]
    return cls(env=env)  # expect: PF403
