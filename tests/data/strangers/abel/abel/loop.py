"""Rollouts and updates."""
from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from .policy import RowPolicy


@dataclass
class Recipe:
    gamma: float = 0.99
    lam: float = 0.95
    clip: float = 0.1
    entropy: float = 0.01
    value: float = 0.5
    norm: float = 0.5
    l2: float = 0.0


def gather(policy: RowPolicy, env, horizon: int) -> TensorDict:
    policy.reset_memory()
    frames = []
    with torch.no_grad():
        for _ in range(horizon):
            td = env.receive()
            policy(td)
            env.send(td["actions"])
            frames.append(td.select("env_obs", "dones", "truncateds", "rewards", "actions", "act_log_prob", "values"))
    return torch.stack(frames, dim=1)


def advantages(td: TensorDict, recipe: Recipe) -> Tensor:
    ended = torch.maximum(td["dones"].float(), td["truncateds"].float())
    result, last = torch.zeros_like(td["values"]), 0.0
    for t in reversed(range(td.shape[1] - 1)):
        open_ = 1.0 - ended[:, t + 1]
        delta = td["rewards"][:, t + 1] + recipe.gamma * td["values"][:, t + 1] * open_ - td["values"][:, t]
        last = delta + recipe.gamma * recipe.lam * open_ * last
        result[:, t] = last
    return result


def objective(policy: RowPolicy, td: TensorDict, recipe: Recipe) -> Tensor:
    new = policy(td.select("env_obs", "dones", "truncateds"), action=td["actions"])
    ratio = (new["act_log_prob"] - td["act_log_prob"]).exp()
    gain = td["advantages"]
    surrogate = torch.minimum(ratio * gain, ratio.clamp(1 - recipe.clip, 1 + recipe.clip) * gain)
    miss = (new["value"].squeeze(-1) - (td["values"] + gain)).square()
    loss = recipe.value * miss.mean() - surrogate.mean() - recipe.entropy * new["entropy"].mean()
    return loss + recipe.l2 * policy.l2_init_loss()


def improve(policy: RowPolicy, optimizer: torch.optim.Optimizer, td: TensorDict, recipe: Recipe, parts: int = 4) -> None:
    td["advantages"] = advantages(td, recipe)
    for rows in torch.randperm(td.shape[0]).chunk(parts):
        policy.reset_memory()
        loss = objective(policy, td[rows], recipe)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(policy.parameters(), recipe.norm)
        optimizer.step()
        policy.clip_weights()


def polish(policy: RowPolicy, optimizer: torch.optim.Optimizer, td: TensorDict, recipe: Recipe, rounds: int = 2) -> None:
    """A few more passes over the best segments, at the end of a run."""
    td["advantages"] = advantages(td, recipe)
    policy.reset_memory()
    best = td[td["rewards"].sum(dim=1).argsort(descending=True)]
    for _ in range(rounds):
        for segment in best.split(32):
            loss = objective(policy, segment, recipe)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clip_grad_norm_(policy.parameters(), recipe.norm)
            policy.clip_weights()
