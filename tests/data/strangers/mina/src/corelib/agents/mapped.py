from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core.bases import RecurrentAgent, initialise_core
from ..core.registry import register


class BoxEncoder(nn.Module):
    scale: Tensor

    def __init__(self, env, width: int) -> None:
        super().__init__()
        self.rows, self.columns = env.obs_height, env.obs_width
        self.layers = len(env.feature_normalizations)
        scale = [float(env.feature_normalizations[layer]) or 1.0 for layer in range(self.layers)]
        self.register_buffer("scale", torch.tensor(scale).view(1, -1, 1, 1))
        self.convolve = nn.Sequential(
            nn.Conv2d(self.layers, 48, 3), nn.SiLU(), nn.Conv2d(48, 48, 3, stride=2), nn.SiLU(), nn.Flatten()
        )
        self.compress = nn.LazyLinear(width)

    def fill(self, tokens: Tensor) -> Tensor:
        tokens = tokens.long()
        row, column = tokens[..., 0] >> 4, tokens[..., 0] & 15
        layer, amount = tokens[..., 1], tokens[..., 2]
        good = (tokens[..., 0] < 255) & (row < self.rows) & (column < self.columns) & (layer < self.layers)
        cell = (layer * self.rows + row) * self.columns + column
        box = torch.zeros(len(tokens), self.layers * self.rows * self.columns, device=tokens.device)
        box.scatter_add_(1, torch.where(good, cell, 0), torch.where(good, amount, 0).float())
        return box.unflatten(1, (self.layers, self.rows, self.columns))

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.relu(self.compress(self.convolve(self.fill(tokens) / self.scale)))


class PairScorer(nn.Module):
    def __init__(self, hidden_size: int, actions: int, rank: int = 16) -> None:
        super().__init__()
        table = nn.init.orthogonal_(torch.empty(actions, rank))
        self.table = nn.Embedding.from_pretrained(0.1 * table / table.abs().max(), freeze=False)
        self.query = nn.Linear(hidden_size, rank, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.einsum("br,ar->ba", self.query(hidden).tanh(), self.table.weight)


@register("mapped")
class MappedAgent(RecurrentAgent):
    """Tokens on a map, GRU, bilinear scores."""

    def __init__(self, env, hidden_size: int = 128, environments: int = 4096, **options: Any) -> None:
        super().__init__(env, **options)
        self.encoder = BoxEncoder(env, hidden_size)
        self.core = initialise_core(nn.GRU(hidden_size, hidden_size, 2))
        self._register_memory(1, 2, hidden_size, environments)
        self.actor = PairScorer(hidden_size, self.num_actions)
        self.critic = nn.Sequential(nn.Linear(hidden_size, 256), nn.Tanh(), nn.Linear(256, 1))

    def encode(self, tokens: Tensor) -> Tensor:
        return self.encoder(tokens)

    def advance(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        output, h = self.core(inputs.unsqueeze(0), memory[0].contiguous())
        return output[0], h.unsqueeze(0)

    def decode(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(hidden), self.critic(hidden)
