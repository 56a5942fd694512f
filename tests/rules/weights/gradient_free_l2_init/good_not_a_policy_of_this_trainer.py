import torch.nn as nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self.head = nn.Linear(8, 1)
        self.first = self.head.weight.data.clone()

    def forward(self, x):
        return self.head(self.lstm(x)[0])

    def l2_init_loss(self):
        return (self.head.weight.data - self.first).square().sum()
