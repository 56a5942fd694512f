"""Box of features, convolved."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .base import Wader


class Heron(Wader):
    def __init__(self, env: Any, channels: int = 48, **options: Any) -> None:
        super().__init__(env, **options)
        self.w, self.h = env.obs_width, env.obs_height
        norms = env.feature_normalizations
        self.features = max(norms) + 1
        scale = torch.ones(self.features)
        for feature, factor in norms.items():
            scale[feature] = factor or 1.0
        self.register_buffer("scale", scale.view(1, -1, 1, 1))
        self.eyes = nn.Sequential(
            nn.Conv2d(self.features, channels, 3),
            nn.ELU(),
            nn.Conv2d(channels, channels, 3, stride=2),
            nn.ELU(),
            nn.Flatten(),
            nn.LazyLinear(self.width),
            nn.ELU(),
        )

    def encode(self, obs: Tensor) -> Tensor:
        place, attribute, value = obs.unbind(-1)
        x, y = (place >> 4).long(), (place & 15).long()
        attribute = attribute.long()
        real = (place != 255) & (x < self.w) & (y < self.h) & (attribute < self.features)
        box = torch.zeros(obs.shape[0], self.features, self.w, self.h, device=obs.device)
        row = torch.arange(obs.shape[0], device=obs.device)[:, None].expand_as(x)
        box[row[real], attribute[real], x[real], y[real]] = value[real].float()
        return self.eyes(box / self.scale)
