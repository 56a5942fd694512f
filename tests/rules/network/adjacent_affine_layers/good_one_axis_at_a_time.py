import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.rows = nn.Conv2d(3, 16, (1, 5))
        self.columns = nn.Conv2d(16, 64, (5, 1))
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.columns(self.rows(x)).relu().mean((2, 3))
        out, state = self.lstm(x, state)
        return self.critic(out), state
