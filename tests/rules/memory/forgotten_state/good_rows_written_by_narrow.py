import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.register_buffer("_h", torch.zeros(1, 512, 64), persistent=False)
        self.register_buffer("_c", torch.zeros(1, 512, 64), persistent=False)

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        hidden = self.embed(rows).unsqueeze(0)
        group = td["training_env_id_start"][0].item()
        h, c = self._h.narrow(1, group, len(rows)), self._c.narrow(1, group, len(rows))
        outs = []
        for step in hidden:
            out, (h, c) = self.lstm(step.unsqueeze(0), (h, c))
            outs.append(out)
        out = torch.cat(outs)
        self._h.narrow(1, group, len(rows)).copy_(h.detach())
        self._c.narrow(1, group, len(rows)).copy_(c.detach())
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
