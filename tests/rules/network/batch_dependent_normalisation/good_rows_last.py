import torch
import torch.nn as nn


class Scout(nn.Module):
    def __init__(self, obs_size=24):
        super().__init__()
        self.fc = nn.Linear(obs_size, 64)
        self.lstm = nn.LSTM(64, 64)

    def forward(self, x, state=None):
        x = x / (x.abs().transpose(0, 1).amax(0).unsqueeze(-1) + 1e-8)
        out, state = self.lstm(torch.relu(self.fc(x)), state)
        return out, state
