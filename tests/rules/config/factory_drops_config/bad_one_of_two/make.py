from agents import Slow


class Factory:
    def __init__(self, cfg):
        self.cfg = cfg

    def make(self, cfg, env):
        return Slow(env, clip_range=cfg.clip_range)  # expect: PF403
