from dataclasses import dataclass

import torch
import torch.nn as nn
from tensordict import TensorDict


@dataclass
class Carry:
    h: torch.Tensor
    c: torch.Tensor

    def detach(self):
        return Carry(self.h.detach(), self.c.detach())


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._carries = {}

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        group = td["training_env_id_start"][0].item()
        carry = self._carries.get(group) or Carry(torch.zeros(1, len(rows), 64), torch.zeros(1, len(rows), 64))
        out, (h, c) = self.lstm(hidden, (carry.h, carry.c))
        self._carries[group] = Carry(h, c)  # expect: PF201
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
