"""V-trace targets (Espeholt et al., 2018). All tensors are [segments, horizon]."""
from typing import NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor


class VTrace(NamedTuple):
    targets: Tensor
    advantages: Tensor


def discounts(td: TensorDict, gamma: float) -> Tensor:
    """gamma, and 0 for steps that begin an episode."""
    begun = torch.stack([td["dones"], td["truncateds"]]).amax(0) > 0
    return torch.full_like(td["rewards"], gamma).masked_fill_(begun, 0.0)


@torch.no_grad()
def vtrace(log_ratio: Tensor, rewards: Tensor, values: Tensor, discount: Tensor, lam: float = 1.0,
           rho_bar: float = 1.0, c_bar: float = 1.0) -> VTrace:
    rho = log_ratio.exp().clamp(max=rho_bar)[:, :-1]
    c = lam * log_ratio.exp().clamp(max=c_bar)[:, :-1]
    rewards, discount = rewards[:, 1:], discount[:, 1:]
    deltas = rho * (rewards + discount * values[:, 1:] - values[:, :-1])
    excess = [torch.zeros_like(values[:, -1])]
    for delta, d, c_t in zip(deltas.T.flip(0), discount.T.flip(0), c.T.flip(0)):
        excess.append(delta + d * c_t * excess[-1])
    targets = values + torch.stack(excess[::-1], dim=1)
    advantages = torch.zeros_like(values)
    advantages[:, :-1] = rho * (rewards + discount * targets[:, 1:] - values[:, :-1])
    return VTrace(targets, advantages)


@torch.no_grad()
def vtrace_from(td: TensorDict, log_ratio: Tensor, gamma: float, rho_bar: float = 1.0, c_bar: float = 1.0) -> VTrace:
    """All in one, for learners that have no use for the discounts."""
    values, rewards = td["values"], td["rewards"]
    ratio = log_ratio.exp()
    nonterminal = 1.0 - td["dones"]
    targets, advantages = values.clone(), torch.zeros_like(values)
    acc = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1] - 1)):
        g = gamma * nonterminal[:, t + 1]
        delta = ratio[:, t].clamp(max=rho_bar) * (rewards[:, t + 1] + g * values[:, t + 1] - values[:, t])
        acc = delta + g * ratio[:, t].clamp(max=c_bar) * acc
        targets[:, t] = values[:, t] + acc
        advantages[:, t] = ratio[:, t].clamp(max=rho_bar) * (rewards[:, t + 1] + g * targets[:, t + 1] - values[:, t])
    return VTrace(targets, advantages)
