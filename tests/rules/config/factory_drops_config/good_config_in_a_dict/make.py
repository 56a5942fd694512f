from agents import Fast


class Configured(Fast):
    def __init__(self, env, config, hidden_size=128):
        super().__init__(env, hidden_size, config.clip_range, config.analyze_weights_interval)


def make(env, cfg):
    options = {"hidden_size": cfg.hidden_size, "config": cfg}
    return Configured(env, **options)
