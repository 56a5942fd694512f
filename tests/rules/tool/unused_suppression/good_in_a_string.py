import torch
from torch import nn


class Keeper(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self._state = None

    def forward(self, x):
        note = "# policyfix: ignore[PF205]"
        out, self._state = self.lstm(x, self._state)
        return out


def describe():
    """Write `# policyfix: ignore[PF101]` behind a statement.

    # policyfix: ignore[PF101]
    """
