"""Cores: what runs between the encoder and the heads."""
from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ivar.agents.common import TokenPolicy, start_orthogonal
from ivar.agents.slots import SlotTable


class LstmPolicy(TokenPolicy):
    def __init__(self, env: Any, width: int = 128, num_layers: int = 2, capacity: int = 4096, **options: Any) -> None:
        super().__init__(env, width, **options)
        self.core = start_orthogonal(nn.LSTM(width, width, num_layers))
        self.slots = SlotTable(num_layers, width, capacity)

    def step_core(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        out, (h, c) = self.core(x.unsqueeze(0), (states[0], states[1]))
        return out.squeeze(0), [h, c]


class GatedPolicy(TokenPolicy):
    """A GRU keeps one tensor instead of two."""

    def __init__(self, env: Any, width: int = 128, num_layers: int = 2, capacity: int = 4096, **options: Any) -> None:
        super().__init__(env, width, **options)
        self.core = start_orthogonal(nn.GRU(width, width, num_layers))
        self.slots = SlotTable(num_layers, width, capacity, parts=1)

    def step_core(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        out, last = self.core(x.unsqueeze(0), states[0])
        return out.squeeze(0), [last]


class DeepPolicy(TokenPolicy):
    def __init__(self, env: Any, width: int = 128, num_layers: int = 3, capacity: int = 4096, **options: Any) -> None:
        super().__init__(env, width, **options)
        self.core = nn.LSTM(width, width, num_layers=3)
        for name, weight in self.core.named_parameters():
            if "weight" in name:
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)
        self.slots = SlotTable(3, width, capacity)

    def step_core(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        out, (h, c) = self.core(x.unsqueeze(0), (states[0], states[1]))
        return out.squeeze(0), [h, c]
