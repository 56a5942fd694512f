from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn


class EnvironmentStates(nn.Module):
    """One column per environment: ``[layers, environments, width]``."""

    h: Tensor
    c: Tensor

    def __init__(self, layers: int, width: int, environments: int) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(layers, environments, width), persistent=False)
        self.register_buffer("c", torch.zeros(layers, environments, width), persistent=False)

    def columns(self, td: TensorDictBase, rows: int) -> Tensor:
        offsets = torch.arange(rows, device=self.h.device)
        first = td.get("training_env_id_start", None)
        return offsets if first is None else offsets + first.reshape(-1)[0]

    def load(self, td: TensorDictBase, rows: int) -> tuple[Tensor, Tensor]:
        where = self.columns(td, rows)
        h, c = self.h[:, where], self.c[:, where]
        for flag in ("dones", "truncateds"):
            ended = td.get(flag, None)
            if ended is not None:
                alive = (~ended.reshape(1, rows, 1).bool()).to(h.dtype)
                h, c = h * alive, c * alive
        return h, c

    @torch.no_grad()
    def save(self, td: TensorDictBase, rows: int, state: tuple[Tensor, Tensor]) -> None:
        where = self.columns(td, rows)
        self.h[:, where] = state[0]
        self.c[:, where] = state[1]

    def clear(self) -> None:
        self.h.zero_()
        self.c.zero_()

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        state["_buffers"] = {name: torch.zeros_like(value) for name, value in self._buffers.items()}
        return state
