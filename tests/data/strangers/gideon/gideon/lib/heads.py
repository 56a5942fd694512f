from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .base import Component


class ActionEmbedding(Component):
    """A table of actions by name; an action keeps its row whatever else is active."""

    def __init__(self, num_embeddings: int = 100, embedding_dim: int = 16, largest: float = 0.1, **cfg: Any):
        super().__init__(**cfg)
        self.size = (num_embeddings, embedding_dim)
        self.largest = largest
        self.row_of: dict[str, int] = {}

    def setup(self, *shapes):
        self.table = nn.Embedding(*self.size)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight.mul_(self.largest / self.table.weight.abs().max())
        self.register_buffer("active", torch.arange(self.size[0]), persistent=False)
        return self.size

    def activate(self, names, device):
        rows = [self.row_of.setdefault(name, len(self.row_of)) for name in names]
        self.active = torch.tensor(rows, dtype=torch.int64, device=device)

    def forward(self, call, *inputs):
        return self.table(self.active)


class BilinearActor(Component):
    """tanh(x W) against each action's embedding."""

    def __init__(self, bias: bool = True, mlp_hidden: int = 512, **cfg: Any):
        super().__init__(**cfg)
        self.with_bias = bias
        self._mlp_hidden = mlp_hidden

    def setup(self, features, embeddings):
        self.query = nn.Linear(features[0], embeddings[1], bias=False)
        self.shift = nn.Parameter(torch.zeros(1), requires_grad=self.with_bias)
        return (embeddings[0],)

    def forward(self, call, x, embeddings):
        return torch.tanh(self.query(x)) @ embeddings.T + self.shift
