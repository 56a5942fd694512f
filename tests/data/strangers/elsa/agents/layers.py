"""Linear layers that know where they started and how far they may go."""
from __future__ import annotations

import torch
import torch.nn as nn


class BoundedLinear(nn.Linear):
    def __init__(self, n_in: int, n_out: int, gain: float = 1.0, pull: float = 1.0):
        super().__init__(n_in, n_out)
        nn.init.orthogonal_(self.weight, gain)
        nn.init.zeros_(self.bias)
        self.pull = pull
        self.largest = float(self.weight.detach().abs().max())
        self.register_buffer("start", self.weight.detach().clone(), persistent=False)

    @torch.no_grad()
    def clip_(self, limit: float) -> None:
        edge = limit * self.largest
        self.weight.clamp_(-edge, edge)

    def distance(self) -> torch.Tensor:
        return self.pull * (self.weight - self.start).square().sum()


def bounded_mlp(*widths: int, last: bool = False) -> nn.Sequential:
    parts: list[nn.Module] = []
    for n, (a, b) in enumerate(zip(widths, widths[1:])):
        parts.append(BoundedLinear(a, b))
        if last or n < len(widths) - 2:
            parts.append(nn.GELU())
    return nn.Sequential(*parts)
