"""Estimators over [rows, steps] tensors; a flag at t belongs to the observation at t."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from tensordict import TensorDictBase
from torch import Tensor


@dataclass(frozen=True)
class Discount:
    gamma: float = 0.98
    lam: float = 0.9


def retrace(seg: TensorDictBase, ratio: Tensor, how: Discount) -> Tensor:
    alive = 1.0 - (seg["dones"] + seg["truncateds"]).clamp(max=1.0)
    values, rewards = seg["values"], seg["rewards"]
    trace = ratio.clamp(max=1.0) * how.lam
    ahead, found = torch.zeros_like(values[:, 0]), []
    columns = zip(values.unbind(1)[:-1], values.unbind(1)[1:], rewards.unbind(1)[1:], alive.unbind(1)[1:], trace.unbind(1))
    for value, after, reward, lives, keep in reversed(list(columns)):
        ahead = reward + how.gamma * lives * after - value + how.gamma * keep * lives * ahead
        found.append(ahead)
    return torch.stack([*found[::-1], torch.zeros_like(ahead)], dim=1)


def upgo(seg: TensorDictBase, how: Discount) -> Tensor:
    """Follows the played trajectory while it does better than the critic expected."""
    rewards, values, dones = seg["rewards"], seg["values"], seg["dones"]
    goal = values[:, -1]
    goals = [goal]
    for t in reversed(range(values.shape[1] - 1)):
        better = torch.maximum(goal, values[:, t + 1])
        goal = rewards[:, t + 1] + how.gamma * (1.0 - dones[:, t + 1]) * better
        goals.insert(0, goal)
    return torch.stack(goals, dim=1) - values


def discounted(seg: TensorDictBase, how: Discount) -> Tensor:
    """Advantages by a matrix instead of a loop: entry (t, k) is how much step k counts at t."""
    over = torch.logical_or(seg["dones"].bool(), seg["truncateds"].bool())
    steps = over.shape[1]
    lives = (~over).float()
    deltas = seg["rewards"][:, 1:] + how.gamma * lives[:, 1:] * seg["values"][:, 1:] - seg["values"][:, :-1]
    episode = over.long().cumsum(1)[:, :-1]
    lag = torch.arange(steps - 1, device=over.device)
    lag = lag[None, :] - lag[:, None]
    same = episode[:, :, None] == episode[:, None, :]
    weight = (how.gamma * how.lam) ** lag.clamp(min=0) * (lag >= 0) * same
    return torch.nn.functional.pad(torch.einsum("btk,bk->bt", weight, deltas), (0, 1))
