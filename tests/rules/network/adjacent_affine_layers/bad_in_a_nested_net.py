import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.first = nn.Linear(size, 64)
        self.second = nn.Linear(64, 64)

    def encode(self, x):
        x = self.first(x)  # expect: PF506
        return torch.tanh(self.second(x.flatten(1)))


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.net = Net(obs_size)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.net.encode(x)
        out, state = self.lstm(x, state)
        return self.critic(out), state
