import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self._tables = None
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def has_memory(self):
        return True

    def get_memory(self):
        return self._tables and (self._tables[0].clone(), self._tables[1].clone())

    def set_memory(self, memory):
        self._tables = memory

    def reset_memory(self):
        self._tables = None

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        seats = td["training_env_id_start"][:1] + torch.arange(rows.shape[0])
        if self._tables is None:
            self._tables = torch.zeros(1, 4096, 64), torch.zeros(1, 4096, 64)
        h, c = self._tables
        out, after = self.lstm(hidden, (h[:, seats], c[:, seats]))
        for table, new in zip(self._tables, after, strict=True):
            table[:, seats] = new.detach()
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
