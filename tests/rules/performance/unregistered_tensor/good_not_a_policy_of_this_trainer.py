import torch
import torch.nn as nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self.scale = torch.ones(8)

    def forward(self, x):
        return self.lstm(x / self.scale)[0]
