"""Stoat: convolutions on the box, and an action head that starts almost flat."""

import torch
import torch.nn.functional as F
from torch import nn

from .wrapper import LSTMWrapper


class StoatNet(nn.Module):
    def __init__(self, env, hidden_size):
        super().__init__()
        self.layers = max(env.feature_normalizations) + 1
        self.width, self.height = env.obs_width, env.obs_height
        self.conv = nn.Conv2d(self.layers, 64, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.fc = nn.Linear(64 * 9, hidden_size)
        self.actor = nn.Linear(hidden_size, sum(most + 1 for most in env.max_action_args))
        nn.init.orthogonal_(self.actor.weight, gain=0.01)
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, tokens):
        where = tokens[..., 0].long()
        x, y, kind = where // 16, where % 16, tokens[..., 1].long()
        seen = (where != 255) & (kind < self.layers) & (x < self.width) & (y < self.height)
        cells = self.layers * self.width * self.height
        index = torch.where(seen, (kind * self.width + x) * self.height + y, cells)
        box = torch.zeros(len(tokens), cells + 1, device=tokens.device)
        box = box.scatter(1, index, tokens[..., 2].float())[:, :cells]
        box = box / box.max().clamp(min=1.0)
        x = self.pool(F.relu(self.conv(box.view(-1, self.layers, self.width, self.height))))
        return F.relu(self.fc(x.flatten(1)))

    def decode_actions(self, features):
        return self.actor(features), self.critic(features)


class Stoat(LSTMWrapper):
    def __init__(self, env, hidden_size=128, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(env, StoatNet(env, hidden_size), hidden_size, hidden_size)
        for name, param in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(param)
            elif param.dim() >= 2:
                nn.init.orthogonal_(param, 1.0)
