import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.down = nn.Linear(256, 8)
        self.up = nn.Linear(8, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.up(self.down(x))  # expect: PF506
        out, state = self.lstm(x, state)
        return self.critic(out), state
