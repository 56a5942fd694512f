"""The parts that an agent's YAML can be made of."""
from __future__ import annotations

from typing import Any, Sequence

import torch
import torch.nn as nn
from torch import Tensor


def activation(name: str | None) -> nn.Module:
    return nn.Identity() if name is None else getattr(nn, name.removeprefix("nn."))()


class Part(nn.Module):
    """One node of the graph. `sources` are the nodes that it reads, in order."""

    def __init__(self, name: str, sources: Sequence[dict] | None = None, **rest: Any) -> None:
        super().__init__()
        self.name = name
        self.reads = [source["name"] for source in sources or ()]

    def l2_init_loss(self) -> Tensor | float:
        return 0.0

    def bounded(self) -> list[nn.Parameter]:
        return []


class TokenSet(Part):
    """Observation tokens to one vector, whatever their order."""

    def __init__(self, name: str, sources=None, width: int = 32, out_features: int = 128, **rest: Any) -> None:
        super().__init__(name, sources, **rest)
        self.attributes = nn.Embedding(256, width)
        self.look = nn.Linear(width + 2, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        coords = tokens[..., 0]
        said = [coords.unsqueeze(-1).float() / 255.0, tokens[..., 2:].float() / 255.0]
        seen = torch.relu(self.look(torch.cat([self.attributes(tokens[..., 1].long()), *said], dim=-1)))
        return seen.masked_fill((coords == 255).unsqueeze(-1), 0.0).sum(dim=-2)


class Dense(Part):
    """Linear, then a nonlinearity."""

    def __init__(
        self,
        name: str,
        sources=None,
        nn_params: dict | None = None,
        nonlinearity: str | None = "nn.ReLU",
        l2_scale: float = 1.0,
        dropout: float = 0.0,
        **rest: Any,
    ) -> None:
        super().__init__(name, sources, **rest)
        self.linear = nn.Linear(**(nn_params or {}))
        self.nonlinearity = activation(nonlinearity)
        self.l2_scale = l2_scale
        self.register_buffer("start", self.linear.weight.detach().clone(), persistent=False)

    def l2_init_loss(self) -> Tensor:
        return self.l2_scale * (self.linear.weight - self.start).pow(2).sum()

    def bounded(self) -> list[nn.Parameter]:
        return [self.linear.weight]

    def forward(self, x: Tensor) -> Tensor:
        return self.nonlinearity(self.linear(x))


class Joined(Dense):
    """Several sources, side by side."""

    def __init__(self, name: str, sources=None, dim: int = -1, **rest: Any) -> None:
        super().__init__(name, sources, **rest)
        self.dim = dim

    def forward(self, *xs: Tensor) -> Tensor:
        return super().forward(torch.cat(xs, dim=self.dim))


class Recurrent(Part):
    """The LSTM. Its state is the agent's to keep."""

    def __init__(self, name: str, sources=None, nn_params: dict | None = None, **rest: Any) -> None:
        super().__init__(name, sources, **rest)
        self.core = nn.LSTM(**(nn_params or {}))
        for key, weight in self.core.named_parameters():
            if key.startswith("weight"):
                nn.init.orthogonal_(weight, 1.0)
            else:
                nn.init.constant_(weight, 1.0)

    def forward(self, x: Tensor, state=None):
        return self.core(x, state)


class JointScores(Part):
    """One score for each (type, argument); the graph says how wide it is."""

    def __init__(self, name: str, sources=None, actions: int = 1, in_features: int = 128, **rest: Any) -> None:
        super().__init__(name, sources, **rest)
        self.score = nn.Linear(in_features, actions)
        self.register_buffer("start", self.score.weight.detach().clone(), persistent=False)

    def l2_init_loss(self) -> Tensor:
        with torch.no_grad():
            return (self.score.weight - self.start).pow(2).sum()

    def bounded(self) -> list[nn.Parameter]:
        return [self.score.weight]

    def forward(self, x: Tensor) -> Tensor:
        return self.score(x)
