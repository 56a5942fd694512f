import torch
import torch.nn as nn
from tensordict import TensorDict


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.layers, self.width, self.height = 22, 11, 11
        self.embed = nn.LazyLinear(64)
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)
        self.critic = nn.Linear(64, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        coords, values = tokens[..., 0], tokens[..., 2].float()
        x, y, kind = (coords >> 4).long(), (coords & 0x0F).long(), tokens[..., 1].long()
        flat = (kind * self.width + x) * self.height + y
        inside = (coords != 255) & (x < self.width) & (y < self.height) & (kind < self.layers)
        box = torch.zeros(tokens.shape[0], self.layers * self.width * self.height)
        box.scatter_add_(1, torch.where(inside, flat, 0), torch.where(inside, values, 0))  # expect: PF405
        out = self.embed(box.flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        log_probs = self.actor(out).log_softmax(-1)
        td["full_log_probs"] = log_probs
        td["actions"] = log_probs.exp().multinomial(1)
        return td
