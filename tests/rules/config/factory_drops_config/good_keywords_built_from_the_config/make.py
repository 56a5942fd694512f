from mapper import agent_classes


def make(env, cfg):
    cls = agent_classes[cfg.get("agent_type")]
    kwargs = {"env": env}
    for key, value in cfg.items():
        if key not in ("agent_type", "_target_"):
            kwargs[key] = value
    return cls(**kwargs)
