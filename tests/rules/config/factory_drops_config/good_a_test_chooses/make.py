from agents import Fast, Slow


def make(env, cfg):
    if cfg.agent_type == "fast":
        return Fast(env, clip_range=cfg.clip_range, analyze_weights_interval=cfg.analyze_weights_interval)
    return Slow(env, 128, cfg.clip_range, cfg.analyze_weights_interval)


def by_environment(env):
    if env.is_small:
        return Fast(env)
    return Slow(env)


def by_name(env, kind):
    return Fast(env) if kind == "fast" else Slow(env)


def when_asked(env, cfg):
    policy = None
    if cfg.evaluate:
        policy = Fast(env)
    return policy


def match(env, cfg):
    match cfg:
        case {"agent_type": "fast", **rest}:
            return Fast(env, **rest)
        case {"agent_type": "slow", **rest}:
            return Slow(env, **rest)
