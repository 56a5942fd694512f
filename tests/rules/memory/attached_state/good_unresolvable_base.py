import torch.nn as nn
from fieldkit.agents import Stateful


class Forager(Stateful, nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(64, 64)
        self.state = None

    def forward(self, x):
        out, self.state = self.lstm(x, self.state)
        return out
