from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Component


class TokensToBox(Component):
    """A map with one layer for each feature that the environment has."""

    def setup(self, *shapes):
        env = self.env
        self.shape = (max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
        return self.shape

    def forward(self, call, *inputs):
        tokens = call.td["env_obs"].long()
        layers, across, down = self.shape
        byte, feature, value = tokens.unbind(-1)
        x, y = byte // 16, byte % 16
        inside = (byte < 255) & (feature < layers) & (x < across) & (y < down)
        cells = layers * across * down
        place = torch.where(inside, feature * (across * down) + x * down + y, cells)
        box = torch.zeros(tokens.shape[0], cells + 1, device=tokens.device).scatter_(1, place, value.float())
        return box[:, :cells].view(-1, *self.shape)


class TokensToPlane(Component):
    """The older one, kept for checkpoints."""

    def setup(self, *shapes):
        env = self.env
        self.shape = (max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
        return self.shape

    def forward(self, call, *inputs):
        tokens = call.td["env_obs"].long()
        layers, across, down = self.shape
        byte, feature, value = tokens.unbind(-1)
        valid = (byte != 255) & (feature < layers)
        place = feature * (across * down) + (byte >> 4) * down + (byte & 15)
        place = torch.where(valid, place, torch.zeros_like(place))
        value = torch.where(valid, value, torch.zeros_like(value))
        box = torch.zeros(tokens.shape[0], layers * across * down, device=tokens.device)
        box.scatter_(1, place, value.float())
        return box.view(-1, layers, across, down)


class Normalize(Component):
    def setup(self, shape):
        norms = self.env.feature_normalizations
        table = torch.tensor([norms.get(i, 1.0) or 1.0 for i in range(shape[0])])
        self.register_buffer("table", table.view(1, -1, 1, 1), persistent=False)
        return shape

    def forward(self, call, box):
        return box / self.table


class TokenFeatures(Component):
    """What a token is, where it is, how much of it; [tokens, width + 1]."""

    def __init__(self, width: int = 16, scale_values: bool = True, **cfg: Any):
        super().__init__(**cfg)
        self.width = width
        self.scale_values = scale_values

    def setup(self, *shapes):
        self.what = nn.Embedding(256, self.width)
        self.where = nn.Embedding(256, self.width)
        norms = torch.ones(256)
        for feature, norm in self.env.feature_normalizations.items():
            norms[feature] = norm or 1.0
        self.register_buffer("norms", norms, persistent=False)
        return (self.env.single_observation_space.shape[0], self.width + 1)

    def forward(self, call, *inputs):
        tokens = call.td["env_obs"].clone()
        kind = tokens[..., 1].long()
        if self.scale_values:
            tokens[..., 2] = tokens[..., 2] / self.norms[kind]
        vectors = self.what(kind) + self.where(tokens[..., 0].long())
        return torch.cat([vectors, tokens[..., 2:].float()], dim=-1)


class QueryAttention(Component):
    """Learnt queries look at the tokens; the first one's answer goes on."""

    def __init__(self, num_queries: int = 4, heads: int = 4, qk_dim: int = 32, out_dim: int = 128, **cfg: Any):
        super().__init__(**cfg)
        self.num_queries = num_queries
        self.heads = heads
        self.out_dim = out_dim

    def setup(self, shape):
        tokens, width = shape
        inner = self.heads * 8
        self.queries = nn.Parameter(torch.randn(1, self.num_queries, inner) * 0.02)
        self.lift = nn.Linear(width, inner)
        self.norm = nn.LayerNorm(inner)
        self.attend = nn.MultiheadAttention(inner, self.heads, batch_first=True)
        self.out = nn.Linear(inner, self.out_dim)
        return (self.out_dim,)

    def forward(self, call, x: Tensor) -> Tensor:
        byte = call.td["env_obs"][..., 0]
        padding = (byte == 255).logical_and(self.not_first(byte))
        memory = self.norm(self.lift(x))
        answer, _ = self.attend(self.queries.expand(len(x), -1, -1), memory, memory, key_padding_mask=padding)
        return F.relu(self.out(F.gelu(answer[:, 0])))

    @staticmethod
    def not_first(byte: Tensor) -> Tensor:
        """The first token is always looked at, or an empty row had nothing to look at."""
        return torch.arange(byte.shape[1], device=byte.device).expand_as(byte) > 0


class TokenPool(Component):
    """The mean of the tokens up to the first padding. What else a config says of it is kept for its summary."""

    def __init__(self, out_dim: int = 128, **cfg: Any):
        self.described = {key: value for key, value in cfg.items() if key not in ("name", "env", "sources")}
        super().__init__(**cfg)
        self.out_dim = out_dim

    def setup(self, shape):
        self.lift = nn.Linear(shape[-1], self.out_dim)
        return (self.out_dim,)

    def summary(self) -> str:
        return f"{self.name}: {self.described}"

    def forward(self, call, x):
        byte = call.td["env_obs"][..., 0]
        lengths = (byte == 255).int().argmax(dim=1, keepdim=True)
        live = (torch.arange(byte.shape[1], device=byte.device) < lengths).unsqueeze(-1)
        return (F.relu(self.lift(x)) * live).sum(1) / lengths.clamp(min=1)
