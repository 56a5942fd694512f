import wide
from wide import Wide


def make(env, cfg):
    if cfg.hidden_size < 512:
        return None
    return Wide(env, hidden_size=cfg.hidden_size)  # expect: PF403


def name():
    return wide.__name__
