import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        layers = [nn.Linear(obs_size, 64)]
        layers.append(nn.ReLU())
        layers.append(nn.Linear(64, 64))
        self.body = nn.Sequential(*layers)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.body(x)
        out, state = self.lstm(x, state)
        return self.critic(out), state
