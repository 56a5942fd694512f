from agents import Slow


def make(env, cfg):
    return Slow(env, hidden_size=cfg.hidden_size)  # expect: PF403


def wide(env, cfg):
    return Slow(env, cfg.hidden_size, cfg.clip_range, cfg.analyze_weights_interval)
