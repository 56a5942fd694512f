from __future__ import annotations

import torch
from torch import Tensor, nn


class ActionTable(nn.Embedding):
    """Orthogonal rows; the largest entry of the whole table is 0.1."""

    def reset_parameters(self) -> None:
        nn.init.orthogonal_(self.weight)
        with torch.no_grad():
            self.weight.mul_(0.1 / self.weight.abs().max())


class BilinearHead(nn.Module):
    def __init__(self, actions: int, width: int = 128, embedding: int = 16, capacity: int = 100) -> None:
        super().__init__()
        self.active = actions
        self.table = ActionTable(capacity, embedding)
        self.hidden = nn.Linear(width, 256)
        self.query = nn.Linear(256, embedding, bias=False)
        self.bias = nn.Parameter(torch.zeros(1))

    def activate(self, actions: int) -> None:
        self.active = actions

    def forward(self, features: Tensor) -> Tensor:
        query = torch.tanh(self.query(torch.relu(self.hidden(features))))
        return query @ self.table.weight[: self.active].T + self.bias


class CentredHead(nn.Module):
    """Scores by how an action differs from the average one."""

    def __init__(self, actions: int, width: int = 128, embedding: int = 16, capacity: int = 100) -> None:
        super().__init__()
        self.active = actions
        self.table = nn.Embedding(capacity, embedding)
        nn.init.orthogonal_(self.table.weight, gain=0.1)
        self.query = nn.Linear(width, embedding)

    def activate(self, actions: int) -> None:
        self.active = actions

    def forward(self, features: Tensor) -> Tensor:
        rows = self.table.weight[: self.active]
        rows = rows - rows.mean(dim=0, keepdim=True)
        return torch.tanh(self.query(features)) @ rows.T


class TemperedHead(nn.Module):
    """Bounded scores, with a bound that is learnt."""

    def __init__(self, actions: int, width: int = 128, embedding: int = 16, capacity: int = 100) -> None:
        super().__init__()
        self.active = actions
        self.table = ActionTable(capacity, embedding)
        self.query = nn.Linear(width, embedding)
        self.log_bound = nn.Parameter(torch.tensor(2.0))

    def activate(self, actions: int) -> None:
        self.active = actions

    def forward(self, features: Tensor) -> Tensor:
        scores = torch.einsum("be,ae->ba", self.query(features), self.table.weight[: self.active])
        return torch.tanh(scores) * self.log_bound.exp()


class SquashedHead(nn.Module):
    def __init__(self, actions: int, width: int = 128, embedding: int = 16, capacity: int = 100) -> None:
        super().__init__()
        self.active = actions
        self.table = nn.Embedding(capacity, embedding)
        nn.init.normal_(self.table.weight, std=0.5)
        self.query = nn.Linear(width, embedding)

    def activate(self, actions: int) -> None:
        self.active = actions

    def forward(self, features: Tensor) -> Tensor:
        query = self.query(features)
        return torch.tanh(query @ self.table.weight[: self.active].T)


class PooledHead(nn.Module):
    """One vector for the action set, next to the features."""

    def __init__(self, actions: int, width: int = 128, embedding: int = 16, capacity: int = 100) -> None:
        super().__init__()
        self.table = nn.Embedding(capacity, embedding)
        self.hidden = nn.Linear(width, 256)
        self.out = nn.Linear(256 + embedding, actions)

    def activate(self, actions: int) -> None:
        assert actions == self.out.out_features, "the number of actions is fixed when the head is built"

    def forward(self, features: Tensor) -> Tensor:
        actions = self.table.weight.mean(dim=0).expand(features.shape[0], -1)
        return self.out(torch.cat([torch.relu(self.hidden(features)), actions], dim=-1))
