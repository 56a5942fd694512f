import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.cell = nn.LSTMCell(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._h = torch.zeros(8, 64)
        self._c = torch.zeros(8, 64)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows)
        ended = (td["dones"].bool() | td["truncateds"].bool()).unsqueeze(-1)
        h = torch.where(ended, torch.zeros_like(self._h), self._h)
        c = torch.where(ended, torch.zeros_like(self._c), self._c)
        h, c = self.cell(hidden, (h, c))
        self._h, self._c = h.detach(), c.detach()
        out = h
        out = out.relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
