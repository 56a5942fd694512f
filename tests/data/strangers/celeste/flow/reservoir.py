from __future__ import annotations

from collections.abc import Iterator

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


def segment_spec(seen: Composite) -> Composite:
    number = UnboundedContinuous(shape=(), dtype=torch.float32)
    names = ("rewards", "dones", "truncateds", "values", "act_log_prob")
    return Composite(
        {**{key: seen[key] for key in seen.keys()}, **{name: number for name in names}},
        actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
    )


class Reservoir:
    """Old segments by priority. New ones push out those that are worth least."""

    def __init__(self, spec: Composite, room: int, steps: int, alpha: float = 0.7, beta: float = 0.5) -> None:
        self.segments = spec.expand(room, steps).zero()
        self.priority = torch.zeros(room)
        self.alpha, self.beta = alpha, beta
        self.room = room

    def remember(self, fresh: TensorDictBase, worth: Tensor) -> None:
        rows = self.priority.argsort()[: fresh.shape[0]]
        for key in self.segments.keys():
            self.segments[key][rows] = fresh[key].to(self.segments[key].dtype)
        self.segments["seen_count"][rows] = 0
        self.priority[rows] = worth.abs().sum(1) ** self.alpha + 1e-6

    def revise(self, rows: Tensor, worth: Tensor) -> None:
        self.priority[rows].copy_(worth.abs().sum(1) ** self.alpha + 1e-6)

    def fade(self, rows: Tensor) -> None:
        self.priority[rows] *= 0.98

    def fade_oldest(self, count: int) -> None:
        self.priority[:count].mul_(0.5)

    def draw(self, size: int, times: int) -> Iterator[tuple[Tensor, TensorDict, Tensor]]:
        for _ in range(times):
            chance = self.priority / self.priority.sum()
            rows = torch.multinomial(chance, size)
            weights = (self.room * chance[rows]) ** -self.beta
            yield rows, self.segments[rows], (weights / weights.max()).unsqueeze(1)
