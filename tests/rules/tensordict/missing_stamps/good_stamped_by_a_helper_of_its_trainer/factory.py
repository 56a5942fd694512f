from .policy import Harvester


def build(cfg):
    return Harvester(cfg.env)
