from __future__ import annotations

import torch
from torch import Tensor, nn


class BilinearActor(nn.Module):
    """Scores of all joint actions: a squashed query against one embedding per action."""

    def __init__(self, size: int, actions: int, width: int = 16) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, 512)
        self.query = nn.Linear(512, width)
        self.embeddings = nn.Embedding(actions, width)
        nn.init.orthogonal_(self.embeddings.weight)
        with torch.no_grad():
            self.embeddings.weight.mul_(0.1 / self.embeddings.weight.abs().max())

    def forward(self, x: Tensor) -> Tensor:
        query = torch.tanh(self.query(torch.relu(self.hidden(x))))
        return torch.einsum("ne,ae->na", query, self.embeddings.weight)


class Critic(nn.Module):
    def __init__(self, size: int, width: int = 1024) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, 1))
        nn.init.orthogonal_(self.net[0].weight, 2**0.5)
        nn.init.orthogonal_(self.net[-1].weight, 1.0)
        for layer in (self.net[0], self.net[-1]):
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)
