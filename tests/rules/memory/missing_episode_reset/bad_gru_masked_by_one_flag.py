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
        self._states = {}

    def forward(self, td: TensorDict, state=None, action=None):
        hidden = self.embed(td["env_obs"].float().flatten(1)).unsqueeze(0)
        group = td["training_env_id_start"][0].item()
        if group not in self._states:
            self._states[group] = torch.zeros(1, hidden.shape[1], 64, device=hidden.device)
        h = self._states[group]
        for key in ("dones",):
            if key in td.keys():
                h = h * (1 - td[key].to(h.dtype)).view(1, -1, 1)
        out, h = self.gru(hidden, h)  # expect: PF204
        self._states[group] = h.detach()
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
