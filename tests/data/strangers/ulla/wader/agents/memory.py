"""Recurrent state, one row per environment, without a trip to the host."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class StateBank(nn.Module):
    """Hidden and cell state of every environment that the collector may step."""

    def __init__(self, layers: int, capacity: int, width: int) -> None:
        super().__init__()
        self.register_buffer("h", torch.zeros(layers, capacity, width), persistent=False)
        self.register_buffer("c", torch.zeros(layers, capacity, width), persistent=False)

    def read(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.h[:, rows], self.c[:, rows]

    def write(self, rows: Tensor, h: Tensor, c: Tensor) -> None:
        self.h[:, rows] = h.detach()
        self.c[:, rows] = c.detach()

    def clear(self) -> None:
        self.h.zero_()
        self.c.zero_()

    def __getstate__(self) -> dict:
        state = dict(self.__dict__)
        state["_buffers"] = {k: torch.zeros_like(v) for k, v in self._buffers.items()}
        return state


class BankedMemory:
    """What the trainer may ask of a policy with a StateBank under `bank`."""

    bank: StateBank

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[str, Tensor]:
        return {"h": self.bank.h.clone(), "c": self.bank.c.clone()}

    def set_memory(self, memory: dict[str, Tensor]) -> None:
        self.bank.h.copy_(memory["h"])
        self.bank.c.copy_(memory["c"])

    def reset_memory(self) -> None:
        self.bank.clear()

    def rows_of(self, td: TensorDict) -> Tensor:
        offsets = torch.arange(td.batch_size.numel(), device=td["env_obs"].device)
        start = td.get("training_env_id_start", None)
        return offsets if start is None else start.view(-1)[0] + offsets

    def ended(self, td: TensorDict) -> Tensor:
        over = torch.zeros(td.batch_size.numel(), dtype=torch.bool, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            value = td.get(flag, None)
            if value is not None:
                over = over | value.view(-1).bool()
        return over
