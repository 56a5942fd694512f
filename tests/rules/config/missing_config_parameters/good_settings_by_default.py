from dataclasses import dataclass

import torch.nn as nn
from tensordict import TensorDict


@dataclass(frozen=True)
class Settings:
    width: int = 64
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


class Root(nn.Module):
    def __init__(self, env, settings):
        super().__init__()
        self.clip_range = settings.clip_range
        self.analyze_weights_interval = settings.analyze_weights_interval


class Forager(Root):
    def __init__(self, env, width: int = 64, settings=Settings()):
        super().__init__(env, settings)
        self.embed = nn.Linear(600, width)
        self.actor = nn.Linear(width, 19)
        self.critic = nn.Linear(width, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        out = self.embed(td["env_obs"].float().flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
