from policies import by_name


def build_policy(env, cfg, device="cpu"):
    """Options of the config that a policy does not know are an error of the policy's own."""
    options = dict(cfg.get("options", {}))
    cls = by_name(cfg["name"])
    policy = cls(env, clip_range=cfg.get("clip_range", 0.0),
                 analyze_weights_interval=cfg.get("analyze_weights_interval", 300), **options)
    return policy.to(device)
