"""The trainer's side of the contract, in one place."""

import torch
from tensordict import TensorDict


def fold(td: TensorDict, training: bool) -> tuple[TensorDict, int, int]:
    """The rows of a TensorDict in one dimension, stamped; and how to bring them back."""
    rows = td.batch_size[0]
    steps = td.batch_size[1] if training else 1
    if training:
        td = td.flatten(0, 1)
    stamp(td, bptt=steps, batch=rows)
    return td, rows, steps


def stamp(td: TensorDict, **numbers: int) -> None:
    size, device = td.batch_size[0], td["env_obs"].device
    for key, number in numbers.items():
        td.set(key, torch.full((size,), number, dtype=torch.long, device=device))


def write_rollout(td: TensorDict, logits, value, table) -> TensorDict:
    chosen = torch.distributions.Categorical(logits=logits)
    index = chosen.sample()
    return td.update(
        {
            "actions": table[index].to(torch.int32),
            "act_log_prob": chosen.log_prob(index),
            "values": value.squeeze(-1),
            "full_log_probs": chosen.logits,
        }
    )


def write_training(td: TensorDict, logits, value, index) -> TensorDict:
    chosen = torch.distributions.Categorical(logits=logits)
    return td.update(
        {
            "act_log_prob": chosen.log_prob(index),
            "entropy": chosen.entropy(),
            "value": value,
            "full_log_probs": chosen.logits,
        }
    )


def joint(action, cumulated):
    """[..., 2] types and arguments to joint indices; `cumulated` holds largest arguments."""
    kinds, arguments = action.reshape(-1, 2).long().unbind(-1)
    return cumulated[kinds] + arguments + kinds
