"""Advantage estimates over [segments, horizon] tensors. A flag at t speaks of the step that led to t."""
from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor


def gae(td: TensorDict, gamma: float, lam: float) -> Tensor:
    rewards, values = td["rewards"], td["values"]
    goes_on = 1.0 - torch.maximum(td["dones"], td["truncateds"])
    advantages = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 2, -1, -1):
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on[:, t + 1] - values[:, t]
        running = delta + gamma * lam * goes_on[:, t + 1] * running
        advantages[:, t] = running
    return advantages


def gae_bootstrapped(td: TensorDict, gamma: float, lam: float) -> Tensor:
    """Truncated steps keep the value that the critic gave to their last observation."""
    rewards, values = td["rewards"], td["values"]
    terminal, cut = td["dones"], td["truncateds"]
    advantages = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        following = torch.where(cut[:, t + 1] > 0, values[:, t], values[:, t + 1]) * (1 - terminal[:, t + 1])
        delta = rewards[:, t + 1] + gamma * following - values[:, t]
        running = delta + gamma * lam * running * (1 - terminal[:, t + 1]) * (1 - cut[:, t + 1])
        advantages[:, t] = running
    return advantages


def gae_matrix(td: TensorDict, gamma: float, lam: float) -> Tensor:
    """The same sums as a product with an upper triangular matrix of discounts; no loop over time."""
    rewards, values = td["rewards"], td["values"]
    over = td["dones"].bool() | td["truncateds"].bool()
    horizon = values.shape[1]
    goes_on = (~over[:, 1:]).float()
    deltas = rewards[:, 1:] + gamma * values[:, 1:] * goes_on - values[:, :-1]
    episode = over.long().cumsum(dim=1)[:, :-1]
    same = (episode.unsqueeze(1) == episode.unsqueeze(2)).float()
    distance = torch.arange(horizon - 1, device=values.device)
    distance = distance.unsqueeze(0) - distance.unsqueeze(1)
    discounts = torch.where(distance >= 0, (gamma * lam) ** distance.clamp(min=0).float(), 0.0)
    advantages = torch.zeros_like(values)
    advantages[:, :-1] = torch.einsum("bts,ts,bs->bt", same, discounts, deltas)
    return advantages


def lambda_returns(td: TensorDict, gamma: float, lam: float) -> Tensor:
    """TD(lambda) targets for the critic, minus the baseline."""
    rewards, values, dones = td["rewards"], td["values"], td["dones"]
    targets = values.clone()
    following = values[:, -1]
    t = values.shape[1] - 2
    while t >= 0:
        mixed = (1 - lam) * values[:, t + 1] + lam * following
        following = rewards[:, t + 1] + gamma * (1.0 - dones[:, t + 1]) * mixed
        targets[:, t] = following
        t -= 1
    return targets - values
