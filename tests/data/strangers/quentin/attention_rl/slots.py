"""Recurrent state by slot. A slot is an environment; groups are ranges of slots."""

import typing as t

import torch
from torch import nn

Tensor = torch.Tensor


class Slots(nn.Module):
    def __init__(self, parts: int, layers: int, slots: int, width: int):
        super().__init__()
        self.shape = (parts, layers, slots, width)
        self.register_buffer("table", torch.zeros(self.shape), persistent=False)

    def where(self, td, count: int) -> Tensor:
        ids = td.get("training_env_id_start", default=None)
        base = torch.arange(count, device=self.table.device)
        if ids is not None:
            base = base + ids.view(-1)[:1]
        return base

    def fetch(self, td, count: int) -> t.Tuple[Tensor, ...]:
        picked = self.table.index_select(2, self.where(td, count))
        over = torch.zeros(count, dtype=torch.bool, device=picked.device)
        for key in ("dones", "truncateds"):
            flag = td.get(key, default=None)
            if flag is not None:
                over = over.logical_or(flag.view(-1).bool())
        picked = picked.masked_fill(over[None, None, :, None], 0.0)
        return picked.unbind(0)

    def store(self, td, count: int, *states: Tensor) -> None:
        fresh = torch.stack([s.detach() for s in states])
        self.table.index_copy_(2, self.where(td, count), fresh.to(self.table.dtype))

    def wipe(self) -> None:
        self.table.zero_()

    def __reduce__(self):
        return Slots, self.shape
