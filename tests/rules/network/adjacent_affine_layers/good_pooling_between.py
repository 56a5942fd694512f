import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(16, 64, 3)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.conv2(self.pool(self.conv1(x))).relu().mean((2, 3))
        out, state = self.lstm(x, state)
        return self.critic(out), state
