from agents import Fast


def make(env, cfg):
    options = {"hidden_size": cfg.hidden_size}
    options["clip_range"] = cfg.clip_range
    return Fast(env, **options)  # expect: PF403
