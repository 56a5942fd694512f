from __future__ import annotations

import torch
from torch import Tensor, nn


def orthogonal_core(core: nn.RNNBase) -> nn.RNNBase:
    for name, parameter in core.named_parameters():
        if name.startswith("bias"):
            nn.init.ones_(parameter)
        else:
            nn.init.orthogonal_(parameter)
    return core


class BilinearActor(nn.Module):
    def __init__(self, width: int, embedding_width: int, capacity: int = 100) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 512)
        self.query = nn.Linear(512, embedding_width)
        self.embeddings = nn.Embedding(capacity, embedding_width)
        nn.init.orthogonal_(self.embeddings.weight)
        with torch.no_grad():
            self.embeddings.weight.mul_(0.1 / self.embeddings.weight.abs().max())

    def forward(self, features: Tensor, actions: int) -> Tensor:
        query = torch.tanh(self.query(torch.relu(self.hidden(features))))
        return query @ self.embeddings.weight[:actions].T
