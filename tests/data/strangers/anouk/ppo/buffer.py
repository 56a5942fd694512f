"""Segmented storage, as plain functions over one TensorDict."""
from __future__ import annotations

from typing import Iterator

import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete


def buffer_spec(policy) -> Composite:
    scalar = UnboundedContinuous(shape=(), dtype=torch.float32)
    return Composite(
        **dict(policy.get_agent_experience_spec().items()),
        rewards=scalar,
        dones=scalar,
        truncateds=scalar,
        act_log_prob=scalar,
        values=scalar,
        actions=UnboundedDiscrete(shape=(2,), dtype=torch.int32),
    )


def allocate(policy, segments: int, horizon: int) -> TensorDict:
    return buffer_spec(policy).expand(segments, horizon).zero()


def write_column(buffer: TensorDict, rows: slice, column: int, td: TensorDict) -> None:
    for key in buffer.keys():
        buffer[key][rows, column] = td[key].to(buffer[key].dtype)


def refresh_values(buffer: TensorDict, picked: Tensor, values: Tensor) -> None:
    """Later minibatches of the epoch bootstrap from what the critic says by now."""
    buffer["values"][picked].copy_(values.detach())


def mark_weights(buffer: TensorDict, picked: Tensor, weights: Tensor) -> None:
    buffer["is_weight"][picked] = weights.expand(-1, buffer.shape[1])


def scale_rewards(buffer: TensorDict, outliers: Tensor, factor: float) -> None:
    buffer["rewards"][outliers] *= factor


def minibatches(buffer: TensorDict, advantage: Tensor, size: int, alpha: float, beta: float) -> Iterator[tuple[Tensor, TensorDict, Tensor]]:
    """Segments by the size of their advantages, each with its importance weight."""
    priority = advantage.abs().sum(dim=1).pow(alpha).nan_to_num() + 1e-6
    chance = priority / priority.sum()
    for _ in range(buffer.shape[0] // size):
        picked = torch.multinomial(chance, size, replacement=False)
        weights = (buffer.shape[0] * chance[picked]).pow(-beta).unsqueeze(1)
        yield picked, buffer[picked], weights
