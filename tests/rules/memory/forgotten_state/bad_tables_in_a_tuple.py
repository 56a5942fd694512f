import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self._tables = tuple(torch.zeros(1, 4096, 64) for _ in "hc")
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        seats = td["training_env_id_start"][:1] + torch.arange(rows.shape[0])
        before = tuple(table.index_select(1, seats) for table in self._tables)
        out, after = self.lstm(hidden, before)  # expect: PF205
        for table, new in zip(self._tables, after, strict=True):
            table.index_copy(1, seats, new.detach())
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
