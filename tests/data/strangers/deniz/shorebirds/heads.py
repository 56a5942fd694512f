from __future__ import annotations

import torch
from torch import Tensor, nn


def small_orthogonal(actions: int, width: int) -> nn.Embedding:
    table = nn.Embedding(actions, width)
    nn.init.orthogonal_(table.weight)
    with torch.no_grad():
        table.weight.mul_(0.1 / table.weight.abs().max())
    return table


class BilinearHead(nn.Module):
    """A squashed query, compared with the embedding of each action."""

    def __init__(self, features: int, *, width: int = 16, actions: int = 100) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, 512)
        self.query = nn.Linear(512, width)
        self.embeddings = small_orthogonal(actions, width)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor, actions: int) -> Tensor:
        query = torch.tanh(self.query(torch.relu(self.hidden(features))))
        return query @ self.embeddings.weight[:actions].T + self.bias


class BoundedHead(BilinearHead):
    """Logits that cannot run away."""

    def forward(self, features: Tensor, actions: int) -> Tensor:
        query = self.query(torch.relu(self.hidden(features)))
        return torch.tanh(query @ self.embeddings.weight[:actions].T)


class Critic(nn.Sequential):
    def __init__(self, features: int) -> None:
        super().__init__(nn.Linear(features, 1024), nn.Tanh(), nn.Linear(1024, 1))
