import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.q = nn.Linear(64, 64)
        self.k = nn.Linear(64, 64)
        self.v = nn.Linear(64, 64)
        self.out = nn.Linear(64, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        weights = torch.softmax(self.q(x) @ self.k(x).transpose(-2, -1), dim=-1)
        x = self.out(weights @ self.v(x)).relu()
        out, state = self.lstm(x, state)
        return self.critic(out), state
