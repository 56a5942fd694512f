import torch
import torch.nn as nn
from tensordict import TensorDict

class Forager(nn.Module):  # expect: PF208
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.cells = nn.ModuleList([nn.GRUCell(64, 64) for _ in range(2)])
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self._h = [torch.zeros(8, 64), torch.zeros(8, 64)]

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows)
        for i, cell in enumerate(self.cells):
            h = cell(hidden, self._h[i])
            self._h[i] = h.detach()
            hidden = h
        out = hidden
        out = out.relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
