"""Rollouts in segments. Which entries exist follows from the agent's spec and from the loss."""
from __future__ import annotations

from typing import Iterator

import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


def loss_spec() -> Composite:
    scalar = UnboundedContinuous(shape=torch.Size([]), dtype=torch.float32)
    names = ("rewards", "dones", "truncateds", "act_log_prob", "values", "returns")
    return Composite(
        actions=UnboundedDiscrete(shape=torch.Size([2]), dtype=torch.int32),
        **{name: scalar.clone() for name in names},
    )


class Experience:
    def __init__(self, agent_spec: Composite, segments: int, horizon: int, device: torch.device) -> None:
        self.segments, self.horizon, self.device = segments, horizon, device
        spec = Composite({**dict(agent_spec.items()), **dict(loss_spec().items())})
        self.data: TensorDict = spec.expand(segments, horizon).to(device).zero()
        self.restart()

    def restart(self) -> None:
        self.column = 0
        self.seen = 0

    @property
    def full(self) -> bool:
        return self.column >= self.horizon

    def append(self, rows: slice, td: TensorDict) -> None:
        for name in self.data.keys():
            if name in td.keys():
                self.data[name][rows, self.column] = td[name].to(self.data[name].dtype)
        self.seen += rows.stop - rows.start
        if self.seen >= self.segments:
            self.seen, self.column = 0, self.column + 1

    def minibatches(self, size: int) -> Iterator[tuple[Tensor, TensorDict]]:
        order = torch.randperm(self.segments, device=self.device)
        for rows in order.split(size):
            yield rows, self.data[rows]

    def refresh(self, rows: Tensor, values: Tensor) -> None:
        """What the critic says now replaces what it said in the rollout."""
        part = self.data[rows]
        part["values"] = values.detach()
        self.data[rows] = part


class WeightedExperience(Experience):
    """Draws segments by the size of their advantages."""

    def __init__(self, agent_spec: Composite, segments: int, horizon: int, device: torch.device) -> None:
        super().__init__(agent_spec, segments, horizon, device)
        self.weights = torch.ones(segments, device=device)

    def minibatches(self, size: int) -> Iterator[tuple[Tensor, TensorDict]]:
        for _ in range(self.segments // size):
            rows = torch.multinomial(self.weights + 1e-6, size, replacement=False)
            yield rows, self.data[rows].clone()
            self.weights[rows].mul_(0.9)

    def refresh(self, rows: Tensor, values: Tensor) -> None:
        self.data[rows].update_(TensorDict({"values": values.detach()}, batch_size=values.shape))

    def weigh(self, advantages: Tensor, alpha: float) -> None:
        self.weights.copy_(advantages.abs().sum(dim=1).nan_to_num().pow(alpha))
