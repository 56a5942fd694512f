from functools import reduce

import torch


def episode_ends(td):
    return torch.maximum(td["dones"], td["truncateds"])


def make_gae(gamma, lam):
    def gae(td):
        r, v, alive = td["rewards"], td["values"], 1 - episode_ends(td)
        adv = torch.zeros_like(v)
        last = 0
        for t in range(v.shape[1] - 2, -1, -1):
            delta = r[:, t + 1] + gamma * v[:, t + 1] * alive[:, t + 1] - v[:, t]
            last = delta + gamma * lam * alive[:, t + 1] * last
            adv[:, t] = last
        return adv
    return gae


def make_folded_gae(gamma, lam):
    """The same sum as a right fold."""
    def fold(done_so_far, step):
        delta, alive = step
        return [delta + gamma * lam * alive * done_so_far[0]] + done_so_far

    def gae(td):
        r, v = td["rewards"][:, 1:], td["values"]
        alive = torch.where(td["truncateds"].bool() | td["dones"].bool(), 0.0, 1.0)[:, 1:]
        deltas = r + gamma * v[:, 1:] * alive - v[:, :-1]
        steps = list(zip(deltas.unbind(1), alive.unbind(1)))[::-1]
        return torch.stack(reduce(fold, steps, [torch.zeros_like(v[:, 0])]), 1)
    return gae


def make_fast_gae(gamma, lam):
    """Through the compiled kernel, with an importance ratio of one."""
    def gae(td):
        adv = torch.zeros_like(td["values"])
        torch.ops.pufferlib.compute_puff_advantage(
            td["values"], td["rewards"], td["dones"], torch.ones_like(adv), adv, gamma, lam, 1.0, 1.0)
        return adv
    return gae


@torch.jit.script
def returns_kernel(rewards: torch.Tensor, values: torch.Tensor, ends: torch.Tensor, gamma: float) -> torch.Tensor:
    out = values.clone()
    for i in range(values.size(1) - 1):
        t = values.size(1) - 2 - i
        out[:, t] = rewards[:, t + 1] + gamma * out[:, t + 1] * (1 - ends[:, t + 1])
    return out


def make_returns(gamma):
    def advantage(td):
        return returns_kernel(td["rewards"], td["values"], episode_ends(td), gamma) - td["values"]
    return advantage
