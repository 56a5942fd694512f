import torch
from torch import nn


class Keeper(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self._state = None

    def forward(self, x):
        out, self._state = self.lstm(x, self._state)
        return out


class Other(nn.Module):  # policyfix: ignore[attached-state]  # expect: PF900
    def forward(self, x):
        return x
