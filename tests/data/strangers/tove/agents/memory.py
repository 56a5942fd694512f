"""Helper objects that keep recurrent states for a policy."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Pair:
    h: Tensor
    c: Tensor

    def kept(self, alive: Tensor) -> "Pair":
        return Pair(self.h * alive, self.c * alive)

    def detached(self) -> "Pair":
        return Pair(self.h.detach(), self.c.detach())


@dataclass
class GroupMemory:
    layers: int
    width: int
    pairs: dict[int, Pair] = field(default_factory=dict)

    def get(self, group: int, rows: int, like: Tensor) -> Pair:
        pair = self.pairs.get(group)
        if pair is None:
            shape = (self.layers, rows, self.width)
            pair = Pair(like.new_zeros(shape), like.new_zeros(shape))
        return pair

    def put(self, group: int, pair: Pair) -> None:
        self.pairs[group] = pair.detached()

    def snapshot(self) -> dict[int, Pair]:
        return {group: Pair(p.h.clone(), p.c.clone()) for group, p in self.pairs.items()}

    def restore(self, pairs: dict[int, Pair]) -> None:
        self.pairs = dict(pairs)

    def forget(self) -> None:
        self.pairs.clear()

    def __getstate__(self) -> dict:
        return {"layers": self.layers, "width": self.width, "pairs": {}}


def alive_rows(td, rows: int) -> Tensor:
    """1 where the episode goes on, [1, rows, 1]."""
    alive = torch.ones(1, rows, 1, device=td["env_obs"].device)
    if (dones := td.get("dones", None)) is not None:
        alive = alive * (1 - dones.float().view(1, rows, 1))
    if (cuts := td.get("truncateds", None)) is not None:
        alive = alive * (1 - cuts.float().view(1, rows, 1))
    return alive
