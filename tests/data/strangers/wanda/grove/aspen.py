"""An LSTM that the caller's TensorDict remembers: Linden with two states and a deeper value."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .linden import Linden
from .parts import orthogonal_core


class Aspen(Linden):
    def __init__(self, env, core=None, *, value_width: int = 256, clip_range=0.0, analyze_weights_interval=300):
        super().__init__(
            env, core, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval
        )
        width = self.gru.hidden_size
        self.value = nn.Sequential(nn.Linear(width, value_width), nn.Tanh(), nn.Linear(value_width, 1))
        self.gru = orthogonal_core(nn.GRU(width, width, num_layers=self.gru.num_layers))

    def l2_init_loss(self) -> Tensor:
        weights = [m.weight for m in self.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        return torch.stack([w.square().sum() for w in weights]).sum()
