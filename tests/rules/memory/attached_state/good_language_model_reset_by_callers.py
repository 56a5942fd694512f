import torch
import torch.nn as nn


class LanguageModel(nn.Module):
    """Predicts the next word; keeps its hidden state from one chunk of text to the next."""

    def __init__(self, words):
        super().__init__()
        self.embed = nn.Embedding(words, 128)
        self.lstm = nn.LSTM(128, 128)
        self.decoder = nn.Linear(128, words)
        self.hidden = None

    def forward(self, words):
        out, self.hidden = self.lstm(self.embed(words), self.hidden)
        return self.decoder(out)

    def start(self, rows):
        self.hidden = (torch.zeros(1, rows, 128), torch.zeros(1, rows, 128))
