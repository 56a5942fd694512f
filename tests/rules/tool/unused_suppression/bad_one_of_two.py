import torch
from torch import nn


class Keeper(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self._state = None

    def forward(self, x):
        out, self._state = self.lstm(x, self._state)  # policyfix: ignore[PF201, PF205] -- both  # expect: PF900
        return out
