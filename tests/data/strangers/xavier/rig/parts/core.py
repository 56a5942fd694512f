import torch
from torch import nn

from .part import Part


class Recurrence(Part):
    """One LSTM state for each row of the rollout; GraphAgent cuts it at episode ends."""

    def __init__(self, name, max_rows=4096, **rest):
        super().__init__(name, **rest)
        self.max_rows = max_rows

    def build(self, sizes):
        layers, width = self.nn_params["num_layers"], self.nn_params["hidden_size"]
        self.core = nn.LSTM(sizes[0], width, layers)
        for key, p in self.core.named_parameters():
            nn.init.orthogonal_(p) if "weight" in key else nn.init.ones_(p)
        self.register_buffer("h", torch.zeros(layers, self.max_rows, width), persistent=False)
        self.register_buffer("c", torch.zeros(layers, self.max_rows, width), persistent=False)
        return width

    def forward(self, td):
        x = td[self.sources[0]]
        n = x.shape[0]
        y, (h, c) = self.core(x.unsqueeze(0), (self.h[:, :n], self.c[:, :n]))
        self.h[:, :n] = h.detach()
        self.c[:, :n] = c.detach()
        td[self.name] = y.squeeze(0)
        return td
