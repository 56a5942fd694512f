import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.cells = nn.ModuleList(nn.GRUCell(64, 64) for _ in range(2))
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.register_buffer("_h", torch.zeros(2, 4096, 64))

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        x = self.embed(rows)
        h = list(self._h.unbind(0))
        for layer, cell in enumerate(self.cells):
            h[layer] = cell(x, h[layer])
            x = h[layer]
        self._h = torch.stack(h).detach()
        out = x
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
