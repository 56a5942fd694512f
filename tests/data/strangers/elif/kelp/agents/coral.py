from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .heads import SeeingBase


class CoralEyes(nn.Module):
    """Tokens are drawn into a box as large as the environment says, then convolved."""

    def __init__(self, env, out: int) -> None:
        super().__init__()
        norms = env.feature_normalizations
        self.depth = max(norms) + 1
        self.rows, self.columns = env.obs_width, env.obs_height
        scale = torch.ones(self.depth)
        for index, norm in norms.items():
            if norm > 0:
                scale[index] = norm
        self.register_buffer("scale", scale[:, None, None])
        self.conv = nn.Conv2d(self.depth, 64, kernel_size=3)
        self.flat = nn.Linear(64 * (self.rows - 2) * (self.columns - 2), out)

    def forward(self, tokens: Tensor) -> Tensor:
        seen = F.relu(self.conv(self._box(tokens) / self.scale))
        return torch.relu(self.flat(seen.flatten(start_dim=1)))

    def _box(self, tokens: Tensor) -> Tensor:
        tokens = tokens.clone()
        where, what, much = tokens[..., 0], tokens[..., 1].long(), tokens[..., 2].float()
        row, column = (where >> 4).long(), (where & 15).long()
        padding = where == 255
        fits = (row < self.rows) & (column < self.columns) & (what < self.depth) & ~padding
        tokens[padding] = 0  # a copy, and the padding is known by now
        flat = what * (self.rows * self.columns) + row * self.columns + column
        size = self.depth * self.rows * self.columns
        box = torch.zeros(tokens.shape[0], size + 1, device=tokens.device)
        box.scatter_(1, flat.masked_fill(~fits, size), much)
        return box[:, :size].unflatten(1, (self.depth, self.rows, self.columns))


class Coral(SeeingBase[CoralEyes]):
    def __init__(self, env, *, input_size: int = 128, **config) -> None:
        super().__init__(env, CoralEyes(env, input_size), input_size=input_size, **config)
