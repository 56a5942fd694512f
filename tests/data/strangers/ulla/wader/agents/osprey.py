"""Tokens as a set: embed each, pool by maximum."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .base import Wader


class Osprey(Wader):
    def __init__(self, env: Any, token_width: int = 32, **options: Any) -> None:
        super().__init__(env, **options)
        self.kinds = nn.Embedding(256, token_width)
        self.places = nn.Embedding(256, token_width)
        self.amount = nn.Linear(1, token_width, bias=False)
        self.mix = nn.Sequential(nn.ReLU(), nn.Linear(token_width, self.width), nn.ReLU())

    def encode(self, obs: Tensor) -> Tensor:
        place, kind, amount = obs.unbind(-1)
        tokens = self.kinds(kind.long()) + self.places(place.long())
        tokens = tokens + self.amount(amount.float().unsqueeze(-1) / 255.0)
        features = self.mix(tokens)
        features = features.masked_fill((place == 255).unsqueeze(-1), 0.0)
        return features.amax(dim=1)
