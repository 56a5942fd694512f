from __future__ import annotations

import torch
from torch import Tensor, nn


class BilinearHead(nn.Module):
    """Scores each joint action by its embedding: [N, width] to [N, A]."""

    def __init__(self, width: int, actions: int, embedding: int = 16) -> None:
        super().__init__()
        self.query = nn.Linear(width, embedding)
        self.actions = nn.Embedding(actions, embedding)
        self.bias = nn.Parameter(torch.zeros(1))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.orthogonal_(self.actions.weight)
        self.actions.weight.mul_(0.1 / self.actions.weight.abs().max())

    def forward(self, features: Tensor) -> Tensor:
        return torch.tanh(self.query(features)) @ self.actions.weight.T + self.bias


class BoundedHead(nn.Module):
    """As above, with scores that cannot run away."""

    def __init__(self, width: int, actions: int, embedding: int = 16) -> None:
        super().__init__()
        self.query = nn.Linear(width, embedding)
        self.actions = nn.Embedding(actions, embedding)

    def forward(self, features: Tensor) -> Tensor:
        return torch.tanh(self.query(features) @ self.actions.weight.T)
