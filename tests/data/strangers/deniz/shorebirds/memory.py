"""Where states live between two calls."""

from __future__ import annotations

from typing import Protocol

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class Bank(Protocol):
    def read(self, td: TensorDict, batch: int) -> Tensor: ...
    def write(self, td: TensorDict, batch: int, state: Tensor) -> None: ...
    def clear(self) -> None: ...


class RowBank(nn.Module):
    """One row for each environment, found on the device from the id of the group's first."""

    def __init__(self, *shape: int, capacity: int = 4096) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(capacity, *shape), persistent=False)

    def read(self, td: TensorDict, batch: int) -> Tensor:
        return self.rows[self._index(td, batch)]

    def write(self, td: TensorDict, batch: int, state: Tensor) -> None:
        self.rows[self._index(td, batch)] = state.detach()

    def clear(self) -> None:
        self.rows.zero_()

    def snapshot(self) -> Tensor:
        return self.rows.clone()

    def restore(self, rows: Tensor) -> None:
        self.rows.copy_(rows)

    def _index(self, td: TensorDict, batch: int) -> Tensor:
        offsets = torch.arange(batch, device=self.rows.device)
        if (start := td.get("training_env_id_start", None)) is None:
            return offsets
        return start.reshape(batch).long() + offsets

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        state["_buffers"] = {name: torch.zeros_like(value) for name, value in self._buffers.items()}
        return state


class LastState(nn.Module):
    """Whatever the last call has left, if it had as many rows."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self._shape = shape
        self._state: Tensor | None = None

    def read(self, td: TensorDict, batch: int) -> Tensor:
        if self._state is None or self._state.shape[0] != batch:
            return torch.zeros(batch, *self._shape, device=td["env_obs"].device)
        return self._state

    def write(self, td: TensorDict, batch: int, state: Tensor) -> None:
        self._state = state.detach()

    def clear(self) -> None:
        self._state = None

    def snapshot(self) -> Tensor | None:
        return None if self._state is None else self._state.clone()

    def restore(self, state: Tensor | None) -> None:
        self._state = state
