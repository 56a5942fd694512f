"""From scores to entries of the TensorDict."""

import torch
from torch import nn


def opened(td):
    """(flat, rows, steps): one row for every step of every environment, environments first."""
    if td.batch_dims == 1:
        return td, td.batch_size[0], 1
    rows, steps = td.batch_size
    return td.reshape(rows * steps), rows, steps


def stamp(flat, rows: int, steps: int) -> None:
    for key, number in (("bptt", steps), ("batch", rows)):
        flat[key] = torch.full((rows * steps,), number, dtype=torch.int64, device=flat["env_obs"].device)


def joint_index(table: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    kinds, arguments = pairs.reshape(-1, 2).long().unbind(-1)
    return kinds + table[kinds] + arguments


def draw(log_probs: torch.Tensor) -> torch.Tensor:
    return torch.multinomial(log_probs.exp(), 1).squeeze(-1)


def spread(log_probs: torch.Tensor) -> torch.Tensor:
    return -(log_probs.exp() * log_probs).sum(-1)


def pick(log_probs: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)


def tame(table: nn.Embedding, largest: float = 0.1) -> nn.Embedding:
    nn.init.orthogonal_(table.weight)
    with torch.no_grad():
        table.weight.mul_(largest / table.weight.abs().max())
    return table


def write_rollout(flat, log_probs, value, to_pair) -> None:
    index = draw(log_probs)
    flat["actions"] = to_pair(index).to(torch.int32)
    flat["act_log_prob"] = pick(log_probs, index)
    flat["values"] = value
    flat["full_log_probs"] = log_probs


def write_training(flat, log_probs, value, index) -> None:
    flat["act_log_prob"] = pick(log_probs, index)
    flat["entropy"] = spread(log_probs)
    flat["value"] = value
    flat["full_log_probs"] = log_probs
