"""From a config to an agent. There are several ways in, for historical reasons."""

import importlib
import logging

from edda.agents.crafts import Monk, Smith
from edda.agents.folk import Farmer, Herald, Scout, Settler, Trader
from edda.agents.variants import Drop, Memoryless
from edda.registry import AGENTS

log = logging.getLogger(__name__)

RESERVED = ("agent_type", "_target_", "name")

FOLK = {
    "settler": Settler,
    "scout": Scout,
    "herald": Herald,
    "trader": Trader,
}

CRAFTS = {"smith": Smith, "monk": Monk, "settler": Settler}


def build_agent(env, cfg):
    """The usual one: every entry of the config that is not ours is the agent's."""
    cls = AGENTS[cfg["agent_type"]]
    options = {key: value for key, value in cfg.items() if key not in RESERVED}
    return cls(env, **options)


def instantiate(cfg, env):
    """`_target_: edda.agents.folk.Settler`, as Hydra would."""
    options = dict(cfg)
    module, _, name = options.pop("_target_").rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    return cls(env=env, **options)


def build_for_replay(env, cfg):
    """Replays need the right sizes, so that weights load."""
    cls = FOLK[cfg.agent_type]
    agent = cls(env, width=cfg.width, hidden_size=cfg.hidden_size)
    return agent.eval()


def build_craft(env, cfg):
    """Old crafts took fewer options."""
    cls = CRAFTS[cfg.agent_type]
    try:
        return cls(
            env,
            hidden_size=cfg.hidden_size,
            clip_range=cfg.clip_range,
            analyze_weights_interval=cfg.analyze_weights_interval,
        )
    except TypeError as error:
        log.warning("%s does not take the trainer's options: %s", cfg.agent_type, error)
        return cls(env, hidden_size=cfg.hidden_size)


def build_baseline(env, cfg):
    """The feed-forward baseline and the one with thinned observations, side by side."""
    if cfg.baseline == "memoryless":
        return Memoryless(env, forget_every_step=True, hidden_size=cfg.hidden_size)
    return Drop(env, rate=cfg.rate, hidden_size=cfg.hidden_size)


class Stable:
    """Keeps the agents of a tournament, each made once."""

    def __init__(self, env, league):
        self.env = env
        self.league = league
        self.agents = {}

    def __getitem__(self, name):
        if name not in self.agents:
            entry = self.league.entries[name]
            common = dict(clip_range=self.league.clip_range, analyze_weights_interval=10**9)
            self.agents[name] = FOLK[entry.agent_type](self.env, hidden_size=entry.hidden_size, **common)
        return self.agents[name]


def smoke_test(env):
    """One of each, as they come."""
    return [cls(env) for cls in (Settler, Scout, Farmer, Herald)]
