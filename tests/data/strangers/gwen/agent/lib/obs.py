"""From `env_obs`, bytes of (place, feature, value), to something that layers can read."""
from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import Component

OBS = "env_obs"
EMPTY = 255


class TokenBox(Component):
    """One more cell than the box has takes whatever has no place in it."""

    def setup(self, shapes):
        self.layers = max(self.env.feature_normalizations) + 1
        self.wide, self.high = self.env.obs_width, self.env.obs_height
        return (self.layers, self.wide, self.high)

    def compute(self, td, frame):
        tokens = td[OBS]
        place, kind, value = tokens.long().unbind(-1)
        x, y = place.div(16, rounding_mode="floor"), place.remainder(16)
        out = (place == EMPTY) | (x >= self.wide) | (y >= self.high) | (kind >= self.layers)
        cell = (kind * self.wide + x) * self.high + y
        last = self.layers * self.wide * self.high
        box = tokens.new_zeros((tokens.shape[0], last + 1), dtype=torch.float32)
        box = box.scatter(1, cell.masked_fill(out, last), value.float())
        return box.narrow(1, 0, last).unflatten(1, (self.layers, self.wide, self.high))


class TokenBoxDense(TokenBox):
    """By advanced indexing, without the extra cell."""

    def compute(self, td, frame):
        tokens = td[OBS]
        rows = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1)
        place, kind, value = tokens.long().unbind(-1)
        x, y = place >> 4, place & 15
        ok = (place != EMPTY) & (x < self.wide) & (y < self.high) & (kind < self.layers)
        box = torch.zeros(tokens.shape[0], self.layers, self.wide, self.high, device=tokens.device)
        box[rows, kind * ok, x * ok, y * ok] = (value * ok).float()
        return box


class BoxNorm(Component):
    def setup(self, shapes):
        scale = torch.ones(shapes[0][0], 1, 1)
        for feature, norm in self.env.feature_normalizations.items():
            scale[feature] = norm or 1.0
        self.register_buffer("scale", scale)
        return shapes[0]

    def compute(self, td, frame):
        return td[self.sources[0]] / self.scale


class PadMaskFast(Component):
    """True for tokens that count, by the place of the first that does not."""

    def setup(self, shapes):
        return self.env.single_observation_space.shape[:1]

    def compute(self, td, frame):
        places = td[OBS][..., 0]
        length = (places == EMPTY).to(torch.uint8).argmax(-1)
        return torch.arange(places.shape[-1], device=places.device) < length.unsqueeze(-1)


class PadMask(Component):
    """True for tokens that count."""

    def setup(self, shapes):
        return self.env.single_observation_space.shape[:1]

    def compute(self, td, frame):
        places = td[OBS][..., 0]
        length = (places != EMPTY).sum(-1)
        return torch.arange(places.shape[-1], device=places.device) < length.unsqueeze(-1)


class TokenValueNorm(Component):
    """Tokens whose values are divided by the scale of their feature."""

    def setup(self, shapes):
        scale = torch.ones(256)
        for feature, norm in self.env.feature_normalizations.items():
            scale[feature] = norm or 1.0
        self.register_buffer("scale", scale)
        return tuple(self.env.single_observation_space.shape)

    def compute(self, td, frame):
        tokens = td[OBS].clone()
        tokens[..., 2] = tokens[..., 2] / self.scale[tokens[..., 1].long()]
        return tokens


class TokenValues(TokenValueNorm):
    """The same, as floats."""

    def compute(self, td, frame):
        tokens = td[OBS].to(torch.float32)
        scale = self.scale[td[OBS][..., 1].long()]
        return torch.cat([tokens[..., :2], (tokens[..., 2] / scale).unsqueeze(-1)], dim=-1)


class AttributeEmbed(Component):
    """Features and places by their embeddings, beside the value; padding is nothing at all."""

    def __init__(self, width: int = 24, std: float = 0.02, **options: Any):
        super().__init__(**options)
        self.width = width
        self.std = std

    def setup(self, shapes):
        self.feature = nn.Embedding(256, self.width, padding_idx=EMPTY)
        self.place = nn.Embedding(256, self.width, padding_idx=EMPTY)
        for table in (self.feature, self.place):
            nn.init.trunc_normal_(table.weight, std=self.std)
            table.weight.data[EMPTY] = 0.0
        return (*shapes[0][:1], self.width + 1)

    def compute(self, td, frame):
        tokens = td[self.sources[0]]
        places = td[OBS][..., 0]
        both = self.feature(td[OBS][..., 1].long()) + self.place(places.long())
        value = tokens[..., 2:].float() * (places != EMPTY).unsqueeze(-1)
        return torch.cat([both, value], -1)


class AttributeEmbedInit(AttributeEmbed):
    """Normal instead of truncated."""

    def setup(self, shapes):
        self.feature = nn.Embedding(256, self.width, padding_idx=EMPTY)
        self.place = nn.Embedding(256, self.width)
        nn.init.normal_(self.feature.weight, std=self.std)
        nn.init.normal_(self.place.weight, std=self.std)
        return (*shapes[0][:1], self.width + 1)


class PooledTokens(Component):
    """Two layers on each token, the greatest of each feature over those that count."""

    def __init__(self, out: int = 96, **options: Any):
        super().__init__(**options)
        self.out = out

    def setup(self, shapes):
        width = shapes[0][-1]
        self.one = nn.Linear(width, 64)
        self.two = nn.Linear(64, self.out)
        return (self.out,)

    def compute(self, td, frame):
        tokens, mask = (td[source] for source in self.sources)
        z = F.relu(self.two(F.relu(self.one(tokens))))
        return (z * mask.unsqueeze(-1)).amax(1)
