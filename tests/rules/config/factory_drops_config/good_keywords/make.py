from mapper import agent_classes


def make(env, cfg):
    cls = agent_classes[cfg.agent_type]
    return cls(env=env, clip_range=cfg.get("clip_range", 0), analyze_weights_interval=cfg.get("analyze_weights_interval", 300))
