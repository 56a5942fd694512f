from __future__ import annotations

from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from ..bases import RecurrentBase

Eyes = TypeVar("Eyes", bound=nn.Module)


def orthogonal(layer: nn.Linear, gain: float = 1.0) -> nn.Linear:
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class SeeingBase(RecurrentBase, Generic[Eyes]):
    """A recurrent agent whose encoder is an object, and whose head is bilinear."""

    eyes: Eyes

    def __init__(self, env, eyes: Eyes, *, max_actions: int = 100, **config) -> None:
        super().__init__(env, **config)
        self.eyes = eyes
        width = self.lstm.hidden_size
        self.critic_1 = orthogonal(nn.Linear(width, 1024), 2**0.5)
        self.value_head = orthogonal(nn.Linear(1024, 1))
        self.actor_1 = orthogonal(nn.Linear(width, 512))
        self.query = orthogonal(nn.Linear(512, 16))
        self.action_embeddings = nn.Embedding(max_actions, 16)
        self._init_embeddings()
        self.remember_weights()

    def _init_embeddings(self) -> None:
        table = self.action_embeddings.weight
        nn.init.orthogonal_(table)
        with torch.no_grad():
            table.mul_(0.1 / table.abs().max())

    def encode(self, tokens: Tensor) -> Tensor:
        return self.eyes(tokens)

    def decode(self, core: Tensor) -> tuple[Tensor, Tensor]:
        value = self.value_head(torch.tanh(self.critic_1(core)))
        query = torch.tanh(self.query(torch.relu(self.actor_1(core))))
        known = self.action_embeddings.weight[: self.action_index_tensor.shape[0]]
        return query @ known.t(), value
