from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


class SequenceReplay:
    """A ring of sequences. Priorities are beside the data, not in it."""

    def __init__(self, agent_spec: Composite, capacity: int, length: int, device, state_size: int = 0) -> None:
        spec = Composite(dict(agent_spec.items()))
        for name in ("rewards", "dones", "truncateds", "act_log_prob", "values"):
            spec[name] = UnboundedContinuous(shape=torch.Size([]))
        spec["actions"] = UnboundedDiscrete(shape=torch.Size([2]), dtype=torch.int32)
        if state_size:
            spec["core_state"] = UnboundedContinuous(shape=torch.Size([state_size]))
        self.names = list(spec.keys())
        self.storage: TensorDict = spec.expand(capacity, length).zero().to(device)
        self.priority = torch.zeros(capacity, device=device)
        self.capacity, self.length, self.head = capacity, length, 0

    def extend(self, td: TensorDict) -> None:
        rows = (torch.arange(td.shape[0], device=self.priority.device) + self.head) % self.capacity
        self.storage[rows] = td.select(*self.names)
        self.priority[rows] = self.priority.amax().clamp(min=1.0)
        self.head = (self.head + td.shape[0]) % self.capacity

    def sample(self, count: int, beta: float) -> tuple[Tensor, Tensor, TensorDict]:
        chances = self.priority / self.priority.sum()
        rows = torch.multinomial(chances, count)
        weights = (self.capacity * chances[rows]).pow(-beta)
        return rows, weights / weights.amax(), self.storage[rows]

    def reprioritise(self, rows: Tensor, errors: Tensor, eta: float = 0.9) -> None:
        size = errors.abs()
        self.priority.index_copy_(0, rows, eta * size.amax(dim=1) + (1 - eta) * size.mean(dim=1))

    def decay(self, factor: float) -> None:
        live = self.priority[: self.head]
        live.mul_(factor)


class RankedReplay(SequenceReplay):
    """By rank instead of by size, with what the newest policy thinks of old sequences."""

    def sample(self, count: int, beta: float) -> tuple[Tensor, Tensor, TensorDict]:
        chances = 1.0 / (self.priority.argsort(descending=True).argsort() + 1.0)
        chances = chances / chances.sum()
        rows = torch.multinomial(chances, count)
        return rows, (self.capacity * chances[rows]).pow(-beta), self.storage[rows]

    def reprioritise(self, rows: Tensor, errors: Tensor, eta: float = 0.9) -> None:
        self.priority[rows].copy_(errors.abs().mean(dim=1))

    def reassess(self, rows: Tensor, log_probs: Tensor, values: Tensor) -> None:
        fresh = self.storage[rows]
        fresh["act_log_prob"] = log_probs.detach()
        self.storage[rows].set_("values", values.detach())
