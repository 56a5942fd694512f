import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3)
        self.fc = nn.Linear(16, 64)
        self.size = self.fc(self.conv(torch.zeros(1, 3, 9, 9)).flatten(1)).numel()
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.fc(torch.relu(self.conv(x)).mean((2, 3)))
        out, state = self.lstm(x, state)
        return self.critic(out), state
