import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.fc1 = nn.Linear(obs_size, 64)
        self.fc2 = nn.Linear(64, 64)
        self.actor = nn.Linear(64, actions)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = torch.relu(self.fc2(torch.relu(self.fc1(x))))
        out, state = self.lstm(x, state)
        shared = self.fc2(out)  # expect: PF506
        return self.actor(shared), self.critic(shared), state
