import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.fc1 = nn.Linear(obs_size, 64)
        self.fc2 = nn.Linear(64, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        gate = x[..., 0].float().unsqueeze(-1)
        x = self.fc1(x)
        x = self.fc2(x) * gate
        out, state = self.lstm(x, state)
        return self.critic(out), state
