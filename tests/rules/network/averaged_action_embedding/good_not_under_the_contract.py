import torch
import torch.nn as nn


class Scout(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.Embedding(100, 16)
        self.lstm = nn.LSTM(64, 64)
        self.head = nn.Linear(64 + 16, 19)

    def forward(self, x, state=None):
        out, state = self.lstm(x, state)
        average = self.rows.weight.mean(0).expand(out.shape[0], -1)
        return self.head(torch.cat([out, average], dim=-1)).log_softmax(-1), state
