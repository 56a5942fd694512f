from dataclasses import dataclass
from typing import Optional

import torch.nn as nn
from tensordict import TensorDict


@dataclass
class AgentConfig:
    hidden: int = 64
    clip_range: float = 0
    analyze_weights_interval: int = 300


class Forager(nn.Module):
    def __init__(self, env, config: Optional[AgentConfig] = None):
        super().__init__()
        self.config = config or AgentConfig()
        self.embed = nn.Linear(600, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        out = self.embed(td["env_obs"].float().flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
