import torch
from torch import Tensor, nn


class ActionHead(nn.Module):
    """Scores of a squashed query against embeddings that start small."""

    def __init__(self, features: int, *, rows: int = 128, width: int = 16) -> None:
        super().__init__()
        self.query = nn.Sequential(nn.Linear(features, 512), nn.ReLU(), nn.Linear(512, width), nn.Tanh())
        self.table = nn.Embedding(rows, width)
        self._start_small()

    @torch.no_grad()
    def _start_small(self) -> None:
        weight = nn.init.orthogonal_(self.table.weight)
        weight.div_(weight.abs().max()).mul_(0.1)

    def forward(self, features: Tensor, actions: int) -> Tensor:
        return self.query(features) @ self.table.weight.narrow(0, 0, actions).mT


def critic(features: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, 256), nn.Tanh(), nn.Linear(256, 1))
