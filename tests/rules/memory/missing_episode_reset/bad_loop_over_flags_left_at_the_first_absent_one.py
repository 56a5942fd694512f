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
        self._h = torch.zeros(1, 8, 64)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        ended = torch.zeros(td.batch_size, dtype=torch.bool, device=td.device)
        for key in ("dones", "truncateds"):
            if key not in td.keys():
                break
            ended = ended | td[key].bool()
        out, h = self.gru(hidden, self._h.masked_fill(ended.view(1, -1, 1), 0))  # expect: PF204
        self._h = h.detach()
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
