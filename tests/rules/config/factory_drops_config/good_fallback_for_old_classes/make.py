from mapper import agent_classes


def make(env, cfg):
    cls = agent_classes[cfg.agent_type]
    try:
        return cls(env=env, **cfg)
    except TypeError:  # takes no config
        return cls(env=env)
