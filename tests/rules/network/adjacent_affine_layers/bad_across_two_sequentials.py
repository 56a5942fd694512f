import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(obs_size, 32), nn.Tanh(), nn.Linear(32, 64))
        self.head = nn.Sequential(nn.Linear(64, 64), nn.Tanh())
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        features = self.encoder(x)  # expect: PF506
        x = self.head(features)
        out, state = self.lstm(x, state)
        return self.critic(out), state
