"""What makes an agent of its config."""

import torch.nn as nn

from .cell import Scout
from .gru import Ranger
from .mixin import Keeper
from .wrapper import Forager

AGENTS = {"forager": Forager, "keeper": Keeper, "ranger": Ranger, "scout": Scout}


def make_agent(env, cfg):
    agent = AGENTS[cfg["agent_type"]]
    settings = {key: value for key, value in cfg.items() if key != "agent_type"}
    return agent(env, **settings)


def make_scout(env, cfg):
    return Scout(
        env,
        hidden_size=cfg.hidden_size,
        clip_range=cfg.clip_range,
        analyze_weights_interval=cfg.analyze_weights_interval,
    )


def make_forager(env, cfg):
    options = {"hidden_size": cfg.hidden_size}
    options["clip_range"] = cfg.clip_range
    options["analyze_weights_interval"] = cfg.analyze_weights_interval
    return Forager(env, **options)


class Agency(nn.Module):
    """Holds an agent, and makes it."""

    def __init__(self, env, cfg):
        super().__init__()
        self.cfg = cfg
        self.agent = self.make(env)

    def make(self, env):
        cls = AGENTS[self.cfg.agent_type]
        return cls(
            env,
            clip_range=self.cfg.clip_range,
            analyze_weights_interval=self.cfg.analyze_weights_interval,
        )

    def forward(self, td, state=None, action=None):
        return self.agent(td, state, action)

    def clip_weights(self):
        self.agent.clip_weights()

    def reset_memory(self):
        self.agent.reset_memory()
