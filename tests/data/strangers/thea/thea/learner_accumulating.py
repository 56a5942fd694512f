"""For machines with little memory: small minibatches, one step for several of them."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from thea.learner import Discount
from thea.slate import Slate


def accumulate_epoch(
    policy: Slate, optimizer: torch.optim.Optimizer, batch: TensorDict, minibatch: int = 8, every: int = 4
) -> None:
    advantages = Discount().advantages(batch)
    for number, rows in enumerate(torch.randperm(batch.shape[0]).split(minibatch), start=1):
        old, advantage = batch[rows], advantages[rows]
        policy.reset_memory()
        out = policy(old.select("env_obs", "dones", "truncateds"), action=old["actions"])
        ratio = (out["act_log_prob"] - old["act_log_prob"]).exp()
        actor = -torch.minimum(advantage * ratio, advantage * ratio.clamp(0.9, 1.1)).mean()
        critic = 0.5 * (out["value"] - old["values"] - advantage).square().mean()
        loss = actor + 0.44 * critic - 0.0021 * out["entropy"].mean()
        optimizer.zero_grad()
        (loss / every).backward()
        if number % every == 0:
            clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()
        keep_values(batch, rows, out["value"].detach())


def keep_values(batch: TensorDict, rows: torch.Tensor, values: torch.Tensor) -> None:
    batch["values"][rows].copy_(values)
