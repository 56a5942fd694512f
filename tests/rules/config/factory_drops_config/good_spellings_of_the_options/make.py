from mapper import agent_classes

NAMES = ("hidden_size", "clip_range", "analyze_weights_interval")


def call(env, cfg):
    options = dict(clip_range=cfg.clip_range, analyze_weights_interval=cfg.analyze_weights_interval)
    return agent_classes[cfg.agent_type](env, **options)


def picked(env, cfg):
    options = {key: cfg[key] for key in ("clip_range", "analyze_weights_interval")}
    return agent_classes[cfg["agent_type"]](env, **options)


def by_names(env, cfg):
    return agent_classes[cfg["agent_type"]](env, **{key: cfg[key] for key in NAMES})


def copied(env, cfg):
    options = dict(cfg)
    return agent_classes[options.pop("agent_type")](env, **options)


def arguments(env, args):
    options = vars(args)
    return agent_classes[options.pop("agent_type")](env, **options)


def set_later(env, cfg):
    policy = agent_classes[cfg.agent_type](env)
    for name in ("clip_range", "analyze_weights_interval"):
        setattr(policy, name, getattr(cfg, name))
    return policy
