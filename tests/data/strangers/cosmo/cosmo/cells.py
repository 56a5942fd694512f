"""Cores with the call of nn.LSTM: x [T, B, H] and (h, c), each [layers, B, H]."""
from __future__ import annotations

import torch
from torch import nn


def start(core: nn.Module) -> nn.Module:
    for name, p in core.named_parameters():
        nn.init.constant_(p, 1.0) if "bias" in name else nn.init.orthogonal_(p, 1.0)
    return core


class CellStack(nn.Module):
    """LSTM cells, with a shortcut around all but the first."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.cells = nn.ModuleList([nn.LSTMCell(width, width) for _ in range(depth)])

    def forward(self, x, carry):
        h, c = (list(part.unbind(0)) for part in carry)
        outs = []
        for now in x:
            for level, cell in enumerate(self.cells):
                h[level], c[level] = cell(now, (h[level], c[level]))
                now = h[level] if level == 0 else now + h[level]
            outs.append(now)
        return torch.stack(outs), (torch.stack(h), torch.stack(c))
