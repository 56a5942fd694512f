"""Hidden states of all environments in one table on the device, addressed by environment number."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class SlotTable:
    """`parts` tensors of shape [layers, capacity, width]; they exist from the first write on."""

    def __init__(self, layers: int, width: int, capacity: int, parts: int = 2) -> None:
        self.layers, self.width, self.capacity, self.parts = layers, width, capacity, parts
        self._tables: list[Tensor] = []

    def read(self, rows: Tensor) -> list[Tensor]:
        if not self._tables:
            size = (self.layers, self.capacity, self.width)
            self._tables = [torch.zeros(size, device=rows.device) for _ in range(self.parts)]
        return [table[:, rows] for table in self._tables]

    def write(self, rows: Tensor, states: list[Tensor]) -> None:
        for table, state in zip(self._tables, states):
            table[:, rows] = state.detach()

    def clear(self) -> None:
        self._tables = []

    def snapshot(self) -> list[Tensor]:
        return [table.clone() for table in self._tables]

    def restore(self, tables: list[Tensor]) -> None:
        self._tables = [table.detach().clone() for table in tables]

    def __len__(self) -> int:
        return len(self._tables)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tables": []}
