from __future__ import annotations

import torch
from torch import Tensor


def advantages(
    rewards: Tensor, values: Tensor, dones: Tensor, truncateds: Tensor, *, gamma: float, lam: float
) -> Tensor:
    """Generalised advantages of [B, T] segments; the last column stays 0."""
    over = torch.maximum(dones, truncateds)
    out = torch.zeros_like(rewards)
    carried = torch.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 2, -1, -1):
        goes_on = 1.0 - over[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on - values[:, t]
        carried = delta + gamma * lam * goes_on * carried
        out[:, t] = carried
    return out


def advantages_short(rewards: Tensor, values: Tensor, dones: Tensor, gamma: float, lam: float) -> Tensor:
    out, carried = torch.zeros_like(rewards), 0.0
    for t in reversed(range(rewards.shape[1] - 1)):
        alive = 1.0 - dones[:, t + 1]
        carried = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t] + gamma * lam * alive * carried
        out[:, t] = carried
    return out
