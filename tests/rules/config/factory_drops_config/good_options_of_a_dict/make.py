from agents import Fast


def make(env, cfg):
    options = {"hidden_size": cfg.hidden_size, "clip_range": cfg.clip_range}
    options["analyze_weights_interval"] = cfg.analyze_weights_interval
    return Fast(env, **options)


def make_what_is_asked_for(env, cfg):
    options = {"hidden_size": cfg.hidden_size}
    options.update(cfg.rest)
    return Fast(env, **options)
