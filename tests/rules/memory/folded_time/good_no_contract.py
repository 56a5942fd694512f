import torch.nn as nn


class Tagger(nn.Module):
    """Tags every token of a batch of documents by itself."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(64, 64)
        self.core = None

    def forward(self, documents, action=None):
        B, T, _ = documents.shape
        out, _ = self.lstm(documents.reshape(1, B * T, -1))
        return out.view(B, T, -1)
