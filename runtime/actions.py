"""Between actions and logits: the joint (type, argument) index, sampling, log-probs and entropy.

A policy has one logit per *joint* action. Types t = 0..K-1 take arguments 0..m_t; the joint index lists them
type by type, so (t, p) stands at `sum(m_k + 1 for k < t) + p`, which is `t + cum[t] + p` with the cumulated
maxima `cum`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .nets.at_hand import is_at_hand


def joint_action_tables(max_action_args: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The trainer's two tables for action types with inclusive maximal arguments `max_action_args` `[K]`.

    Returns:
        `cum_action_max_params` int64 `[K + 1]`, the cumulated maxima with a leading 0, and
        `action_index_tensor` int32 `[A, 2]`, whose row is the (type, argument) of a joint index.

    Raises:
        ValueError: no action type, or a negative maximum.
    """
    maxima = [int(maximum) for maximum in max_action_args]
    if not maxima or min(maxima) < 0:
        raise ValueError(f"max_action_args must list one maximum >= 0 per action type, got {maxima}")
    pairs = [(kind, argument) for kind, maximum in enumerate(maxima) for argument in range(maximum + 1)]
    return torch.tensor([0, *maxima]).cumsum(0), torch.tensor(pairs, dtype=torch.int32)


def joint_index(actions: Tensor, cum_action_max_params: Tensor) -> Tensor:
    """Joint index int64 `[N]` of (type, argument) pairs `[N, 2]`.

    Raises ValueError for a pair that is no action (on an accelerator as a device-side assertion).
    """
    kind, argument = actions.long().unbind(-1)
    maxima = cum_action_max_params.diff()
    known = kind.clamp(0, len(maxima) - 1)
    exists = (kind == known) & (argument >= 0) & (argument <= maxima[known])
    _check_actions(exists, actions, maxima)
    return known + cum_action_max_params[known] + argument


def discrete_index(actions: Tensor, count: int) -> Tensor:
    """Index int64 `[N]` of Discrete actions `[N]`, 0 to `count` - 1. Raises as `joint_index` does."""
    index = actions.long()
    _check_actions((index >= 0) & (index < count), actions, count)
    return index


def _check_actions(exists: Tensor, actions: Tensor, limits: Tensor | int) -> None:
    if not is_at_hand(exists):
        torch._assert_async(exists.all(), "an action that is evaluated does not exist")
    elif not exists.numpy().all():
        row = int(exists.numpy().argmin())
        known = (
            f"(type, argument) with at most {limits.tolist()} as the argument of each type"
            if isinstance(limits, Tensor)
            else f"0 to {limits - 1}"
        )
        raise ValueError(f"action {actions[row].tolist()} of row {row} does not exist: actions are {known}")


def joint_action(index: Tensor, action_index_tensor: Tensor) -> Tensor:
    """(type, argument) `[N, 2]`, in the table's dtype, of joint indices `[N]`."""
    return action_index_tensor.index_select(0, index)


def action_log_probs(logits: Tensor) -> Tensor:
    """Log-softmax of `[N, A]`, in float32 at least."""
    return logits.log_softmax(dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))


def sample_index(log_probs: Tensor) -> Tensor:
    """One joint index int64 `[N]` per row of `[N, A]`, drawn with probability exp(log_probs).

    An exponential race, the draw that `torch.multinomial` makes (same generator, same index), without
    the value check for which that function makes the host wait.

    Raises RuntimeError for NaN log-probs (on an accelerator as a device-side assertion).
    """
    total = log_probs.sum()  # NaN, which does not equal itself, where one of them is
    torch._assert_async(total == total, "cannot sample actions: the policy's logits hold NaN")
    return (log_probs.exp() / torch.empty_like(log_probs).exponential_()).argmax(dim=-1)


def log_prob_at(log_probs: Tensor, index: Tensor) -> Tensor:
    """Log-prob `[N]` of each row's joint index `[N]`; -inf for an index beyond the last logit."""
    last = log_probs.shape[-1] - 1
    taken = log_probs.gather(-1, index.clamp(max=last).unsqueeze(-1)).squeeze(-1)
    return taken.masked_fill(index > last, -torch.inf)


def entropy(log_probs: Tensor) -> Tensor:
    """-sum p log p `[N]` of `[N, A]`, in nats; impossible actions (p = 0) add nothing, nor any gradient."""
    probs = log_probs.exp()
    return -(probs * log_probs.masked_fill(probs == 0, 0.0)).sum(dim=-1)
