from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .heads import SeeingBase


class Spines(nn.Module):
    FEATURES, SIDE = 24, 11

    def __init__(self, out: int) -> None:
        super().__init__()
        self.register_buffer("largest", torch.full((self.FEATURES,), 10, dtype=torch.uint8))
        self.conv = nn.Conv2d(self.FEATURES, 64, kernel_size=5, stride=3)
        self.out = nn.Linear(64 * 3 * 3, out)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.relu(self.out(F.relu(self.conv(self._draw(tokens))).flatten(1)))

    def _draw(self, tokens: Tensor) -> Tensor:
        tokens[tokens == 255] = 0
        place, kind = tokens[..., 0], tokens[..., 1].long()
        row, column = (place >> 4).long(), (place & 0x0F).long()
        ok = (place != 255) & (kind < self.FEATURES) & (row < self.SIDE) & (column < self.SIDE)
        tokens[..., 2] = tokens[..., 2] / self.largest[kind.clamp(max=self.FEATURES - 1)]
        box = torch.zeros(len(tokens), self.FEATURES, self.SIDE, self.SIDE, device=tokens.device)
        n = torch.arange(len(tokens), device=tokens.device)[:, None].expand_as(ok)
        box[n[ok], kind[ok], row[ok], column[ok]] = tokens[..., 2][ok].float()
        return box


class Urchin(SeeingBase[Spines]):
    def __init__(self, env, *, input_size: int = 128, **config) -> None:
        super().__init__(env, Spines(input_size), input_size=input_size, **config)
