import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.depth = nn.Conv2d(16, 16, 3, groups=16)
        self.point = nn.Conv2d(16, 64, 1)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.point(self.depth(x)).relu().mean((2, 3))
        out, state = self.lstm(x, state)
        return self.critic(out), state
