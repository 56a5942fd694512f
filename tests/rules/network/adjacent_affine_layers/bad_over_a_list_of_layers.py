import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(obs_size, 64), nn.Linear(64, 64)])  # expect: PF506
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        for layer in self.layers:
            x = layer(x)
        out, state = self.lstm(x, state)
        return self.critic(out), state
