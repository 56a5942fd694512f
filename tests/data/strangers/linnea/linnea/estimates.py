"""Targets and advantages of sequences, [rows, steps]."""
from __future__ import annotations

import torch
from torch import Tensor


def over(td) -> Tensor:
    return (td["dones"] + td["truncateds"]).clamp(max=1.0)


def doubling_gae(td, gamma: float, lam: float) -> Tensor:
    """Generalised advantages in log2(T) rounds: each adds what is twice as far ahead."""
    alive = 1.0 - over(td)[:, 1:]
    total = td["rewards"][:, 1:] + gamma * td["values"][:, 1:] * alive - td["values"][:, :-1]
    factor = gamma * lam * alive
    reach = 1
    while reach < total.shape[1]:
        ahead = torch.nn.functional.pad(total[:, reach:], (0, reach))
        further = torch.nn.functional.pad(factor[:, reach:], (0, reach))
        total, factor = total + factor * ahead, factor * further
        reach *= 2
    return torch.nn.functional.pad(total, (0, 1))


def retrace(td, values: Tensor, ratio: Tensor, gamma: float, lam: float = 0.95) -> Tensor:
    """Retrace(lambda) for state values (Munos et al., 2016)."""
    ended = td["dones"]
    trace = lam * ratio.clamp(max=1.0)
    errors = torch.zeros_like(values)
    running = torch.zeros_like(values[:, -1])
    for t in range(values.shape[1] - 2, -1, -1):
        go = gamma * (1.0 - ended[:, t + 1])
        running = td["rewards"][:, t + 1] + go * values[:, t + 1] - values[:, t] + go * trace[:, t + 1] * running
        errors[:, t] = running
    return errors


class LambdaEstimator:
    """A loop over the columns, kept as an object so that the discount can be annealed."""

    def __init__(self, gamma: float, lam: float) -> None:
        self.gamma, self.lam = gamma, lam

    def anneal(self, share: float) -> None:
        self.gamma = 1.0 - (1.0 - self.gamma) * (1.0 - share)

    def __call__(self, td, values: Tensor) -> Tensor:
        stops = over(td)
        columns = [torch.zeros_like(values[:, 0])]
        for reward, value, following, stop in reversed(
            list(zip(td["rewards"][:, 1:].T, values[:, :-1].T, values[:, 1:].T, stops[:, 1:].T))
        ):
            kept = 1.0 - stop
            delta = reward + self.gamma * kept * following - value
            columns.insert(0, delta + self.gamma * self.lam * kept * columns[0])
        return torch.stack(columns, dim=1)
