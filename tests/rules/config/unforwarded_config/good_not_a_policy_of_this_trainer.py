import torch.nn as nn


class Core(nn.Module):
    def __init__(self, hidden_size=8):
        super().__init__()
        self.lstm = nn.LSTM(8, hidden_size)

    def forward(self, x):
        return self.lstm(x)[0]


class Tagger(Core):
    def __init__(self, hidden_size=8):
        super().__init__()
