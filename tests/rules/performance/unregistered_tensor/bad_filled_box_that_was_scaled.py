import torch
import torch.nn as nn
from tensordict import TensorDict


class Paint(nn.Module):
    def __init__(self):
        super().__init__()
        self.rarity = torch.linspace(0.5, 1.5, 600)  # expect: PF704

    def box(self, x):
        box = torch.zeros(x.shape[0], 600, device=x.device)
        box.scatter_add_(1, x.long(), x)
        return box.view(-1, 600) / 10.0

    def forward(self, x):
        return self.box(x) * self.rarity


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(600, 64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)
        self.net = Paint()

    def forward(self, td: TensorDict, state=None, action=None):
        rows = td["env_obs"].float().flatten(1)
        rows = self.net(rows)
        hidden = self.embed(rows).unsqueeze(0)
        out, _ = self.lstm(hidden)
        out = out.squeeze(0)
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
