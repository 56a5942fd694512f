from mapper import agent_classes


def make(env, cfg):
    cls = agent_classes[cfg.agent_type]
    try:
        return cls(
            env,
            hidden_size=cfg.hidden_size,
            clip_range=cfg.clip_range,
            analyze_weights_interval=cfg.analyze_weights_interval,
        )
    except TypeError:  # an old class
        return cls(env, hidden_size=cfg.hidden_size)
