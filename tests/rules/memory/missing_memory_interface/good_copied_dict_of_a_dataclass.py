from dataclasses import dataclass, field

import torch.nn as nn
from tensordict import TensorDict


@dataclass
class Groups:
    layers: int
    pairs: dict = field(default_factory=dict)

    def put(self, group, pair):
        self.pairs[group] = tuple(part.detach() for part in pair)


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)
        self.groups = Groups(1)

    def has_memory(self):
        return True

    def get_memory(self):
        return dict(self.groups.pairs)

    def set_memory(self, memory):
        self.groups.pairs = dict(memory)

    def reset_memory(self):
        self.groups.pairs.clear()

    def forward(self, td: TensorDict, state=None, action=None):
        group = td["training_env_id_start"][0].item()
        hidden = self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0)
        out, pair = self.lstm(hidden, self.groups.pairs.get(group))
        self.groups.put(group, pair)
        td["values"] = self.critic(out.squeeze(0)).flatten()
        return td
