from mapper import agent_classes


def options(cfg):
    return {"clip_range": cfg.clip_range, "analyze_weights_interval": cfg.analyze_weights_interval}


def make(env, cfg):
    kwargs = options(cfg)
    return agent_classes[cfg.agent_type](env, **kwargs)
