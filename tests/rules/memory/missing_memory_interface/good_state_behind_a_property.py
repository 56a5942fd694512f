import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.gru = nn.GRU(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._table = {}
        self._group = None

    @property
    def carry(self):
        return self._table.get(self._group)

    @carry.setter
    def carry(self, value):
        self._table[self._group] = value.detach()

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        self._group = td["training_env_id_start"][0].item()
        out, h = self.gru(self.embed(rows).unsqueeze(0), self.carry)
        self.carry = h
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td

    def has_memory(self):
        return True

    def get_memory(self):
        return {group: h.clone() for group, h in self._table.items()}

    def set_memory(self, memory):
        self._table = {group: h.clone() for group, h in memory.items()}

    def reset_memory(self):
        self._table.clear()
