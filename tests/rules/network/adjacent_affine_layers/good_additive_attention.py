import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.fc1 = nn.Linear(obs_size, 64)
        self.fc2 = nn.Linear(64, 64)
        self.query = nn.Linear(64, 64)
        self.score = nn.Linear(64, 1)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        h = torch.zeros(1, 64) if state is None else state[0][0]
        features = self.fc1(x)
        x = torch.softmax(self.score(torch.tanh(self.fc2(features) + self.query(h))), dim=-2) * x
        out, state = self.lstm(x, state)
        return self.critic(out), state
