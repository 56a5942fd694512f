import torch
import torch.nn as nn
import torch.nn.functional as F


class Scout(nn.Module):
    def __init__(self, obs_size=24, actions=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(512, 64)
        self.lstm = nn.LSTM(64, 64)
        self.critic = nn.Linear(64, 1)

    def forward(self, x, state=None):
        x = self.conv1(x)  # expect: PF506
        x = self.conv2(x)  # expect: PF506
        x = torch.relu(self.fc(self.flatten(x)))
        out, state = self.lstm(x, state)
        return self.critic(out), state
