from mapper import agent_classes


def make(env, cfg):
    cls = agent_classes[cfg.agent_type]
    try:
        return cls(env, hidden_size=cfg.hidden_size)  # expect: PF403
    except TypeError:
        return cls(env)  # expect: PF403
