import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.advantage = nn.Linear(64, actions)
        self.value = nn.Linear(64, 1)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        out, state = self.lstm(x, state)
        shared = self.fc1(out)  # expect: PF506
        advantage = self.advantage(shared)
        return self.value(shared) + advantage - advantage.mean(-1, keepdim=True), state
