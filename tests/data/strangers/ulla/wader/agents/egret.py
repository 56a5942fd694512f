"""A smaller Heron for laptops. Own box, own clipping."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .base import Wader


class Egret(Wader):
    def __init__(
        self,
        env: Any,
        channels: int = 16,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        width: int = 64,
    ) -> None:
        super().__init__(env, width=width, depth=1, analyze_weights_interval=analyze_weights_interval)
        self.rows, self.columns = env.obs_width, env.obs_height
        self.features = max(env.feature_normalizations) + 1
        self.shift = torch.full((1, self.features, 1, 1), 0.5)
        self.eye = nn.Conv2d(self.features, channels, 5)
        self.squeeze = nn.Linear(channels * (self.rows - 4) * (self.columns - 4), width)

    def encode(self, obs: Tensor) -> Tensor:
        value = obs[..., 2]
        value.clamp_(max=100)
        box = self.paint(obs, value)
        return torch.relu(self.squeeze(self.eye(box - self.shift).flatten(1)))

    def paint(self, obs: Tensor, value: Tensor) -> Tensor:
        place, attribute = obs[..., 0].long(), obs[..., 1].long()
        x, y = place // 16, place % 16
        seen = place.ne(255) & (attribute < self.features)
        box = torch.zeros(len(obs), self.features, self.rows, self.columns)
        row = torch.arange(len(obs), device=obs.device)[:, None].expand_as(place)
        box[row[seen], attribute[seen], x[seen], y[seen]] = value[seen].float()
        return box

    def clip_weights(self) -> None:
        bound = self.clip_range
        if bound > 0:
            for p in self.parameters():
                p.clamp_(min=-bound, max=bound)
