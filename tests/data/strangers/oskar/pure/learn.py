"""A training run as a fold over epochs."""

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .nets import Lattice


class Rates(NamedTuple):
    gamma: float = 0.977
    lam: float = 0.916
    clip: float = 0.1
    value: float = 0.44
    entropy: float = 0.0021
    norm: float = 0.5


def boundaries(td) -> Tensor:
    return (td["dones"] + td["truncateds"]).clamp(max=1.0)


def advantages(rewards: Tensor, values: Tensor, ends: Tensor, rates: Rates) -> Tensor:
    alive = 1.0 - ends[:, 1:]
    deltas = rewards[:, 1:] + rates.gamma * values[:, 1:] * alive - values[:, :-1]

    def back(later, t):
        return [deltas[:, t] + rates.gamma * rates.lam * alive[:, t] * later[0], *later]

    last = torch.zeros_like(rewards[:, 0])
    return torch.stack(reduce(back, reversed(range(deltas.shape[1])), [last]), dim=1)


def objective(new, old, adv: Tensor, rates: Rates) -> Tensor:
    ratio = (new["act_log_prob"] - old["act_log_prob"]).exp()
    policy = torch.maximum(-adv * ratio, -adv * ratio.clamp(1 - rates.clip, 1 + rates.clip)).mean()
    value = (new["value"].squeeze(-1) - old["values"] - adv).pow(2).mean()
    return policy + rates.value * value - rates.entropy * new["entropy"].mean()


def rollout(policy: Lattice, envs, buffer):
    policy.reset_memory()
    for td in envs.steps():
        with torch.no_grad():
            policy(td)
        buffer.store(td)
        envs.send(td["actions"])
    return buffer.segments()


def update(policy: Lattice, optimizer, old, rates: Rates) -> Tensor:
    """One pass over the segments. Gradients are set to None after each step, and so before the next."""
    total = torch.zeros((), device=old.device)
    adv = advantages(old["rewards"], old["values"], boundaries(old), rates)
    for rows in torch.randperm(old.shape[0], device=old.device).chunk(8):
        part = old[rows]
        policy.reset_memory()
        new = policy(part.select("env_obs"), action=part["actions"])
        loss = objective(new, part, adv[rows], rates)
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), rates.norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        policy.clip_weights()
        total = total + loss.detach()
    return total


def learn(policy: Lattice, optimizer, envs, buffer, epochs: int, rates: Rates):
    losses = (update(policy, optimizer, rollout(policy, envs, buffer), rates) for _ in range(epochs))
    return [loss.item() for loss in losses]
