"""Return and advantage estimators. All take a [segments, horizon] TensorDict and leave the last column at zero."""
from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor


def gae(td: TensorDict, gamma: float, lam: float) -> Tensor:
    cut = torch.maximum(td["dones"], td["truncateds"])
    rewards, values = td["rewards"], td["values"]
    out = torch.zeros_like(values)
    carry = torch.zeros_like(values[:, 0])
    for t in reversed(range(td.shape[1] - 1)):
        alive = 1.0 - cut[:, t + 1]
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * alive - values[:, t]
        carry = delta + gamma * lam * alive * carry
        out[:, t] = carry
    return out


def lambda_returns(td: TensorDict, gamma: float, lam: float) -> Tensor:
    rewards, values, dones = td["rewards"], td["values"], td["dones"]
    horizon = rewards.shape[1]
    target = values[:, -1]
    columns = [target]
    for t in range(horizon - 2, -1, -1):
        bootstrap = (1 - lam) * values[:, t + 1] + lam * target
        target = rewards[:, t + 1] + gamma * (1.0 - dones[:, t + 1]) * bootstrap
        columns.append(target)
    return torch.stack(columns[::-1], dim=1)


def vtrace(td: TensorDict, ratio: Tensor, gamma: float, lam: float, top: float = 1.0) -> Tensor:
    survive = (1.0 - td["dones"]) * (1.0 - td["truncateds"])
    rho = ratio.clamp(max=top)
    values = td["values"]
    ahead = torch.zeros_like(values[:, -1])
    result = torch.zeros_like(values)
    t = values.shape[1] - 2
    while t >= 0:
        step = td["rewards"][:, t + 1] + gamma * survive[:, t + 1] * values[:, t + 1] - values[:, t]
        ahead = rho[:, t] * step + gamma * lam * rho[:, t] * survive[:, t + 1] * ahead
        result[:, t] = ahead
        t -= 1
    return result


def standardise(advantage: Tensor) -> Tensor:
    return (advantage - advantage.mean()) / (advantage.std() + 1e-8)
