from mapper import agent_classes


def make(cfg, env):
    cls = agent_classes[cfg.agent_type]
    options = {key: value for key, value in cfg.items() if key != "agent_type"}
    try:
        return cls(env, **options)
    except TypeError:  # takes fewer
        return cls(env, hidden_size=cfg.get("hidden_size", 128))


def make_of_a_part(cfg, env):
    cls = agent_classes[cfg.agent_type]
    options = {key: value for key, value in cfg.options.items()}
    try:
        return cls(env, **options)
    except TypeError:
        return cls(env, hidden_size=cfg.get("hidden_size", 128))
