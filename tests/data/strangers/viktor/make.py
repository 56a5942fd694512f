from badger import Badger
from mole import Mole
from vole import Vole


def make_policy(cfg, env):
    if cfg.name == "mole":
        return Mole(env, hidden_size=cfg.hidden)
    if cfg.name == "badger":
        return Badger(env, hidden=cfg.hidden)
    return Vole(env, hidden_size=cfg.hidden)
