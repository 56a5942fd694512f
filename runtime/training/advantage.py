"""Generalised advantages with V-trace corrections, over whole segments at once."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

# Which observation an episode's end is flagged at. "first": the first one of the next episode (gymnasium's
# AutoresetMode.SAME_STEP, and the contract). "last": its own last one; the step after it resets the
# environment and ignores the action (AutoresetMode.NEXT_STEP).
Alignment = Literal["first", "last"]


def check_alignment(alignment: str) -> None:
    """Raises ValueError for an alignment that does not exist."""
    if alignment not in ("first", "last"):
        raise ValueError(f'alignment must be "first" or "last", got {alignment!r}')


def advantages(
    values: Tensor,
    rewards: Tensor,
    dones: Tensor,
    truncateds: Tensor | None = None,
    ratio: Tensor | None = None,
    *,
    gamma: float,
    gae_lambda: float,
    rho_clip: float = 1.0,
    c_clip: float = 1.0,
    alignment: Alignment = "first",
) -> Tensor:
    """Advantages `[B, T]` of the actions taken at each step; the last column, which has no successor, is 0.

    With n = 0 where the episode ends between t and t + 1, and 1 elsewhere:

        delta_t = min(ratio_t, rho_clip) * (rewards_{t+1} + gamma * bootstrap_t - values_t)
        A_t     = delta_t + gamma * gae_lambda * min(ratio_t, c_clip) * n * A_{t+1}

    `bootstrap_t` is the value of the next observation, and 0 where the episode was done there. Where it was
    truncated it goes on unseen: under the alignment "last" its last observation is at hand and so is the
    value; under "first" that observation is lost, and the value one step earlier stands in.

    The recursion is a scan that doubles its reach log2(T) times, so nothing loops over time or rows.
    Source: the reference trainer's kernel; Espeholt et al., "IMPALA", 2018; Pardo et al., "Time Limits in
    Reinforcement Learning", 2018.

    Args:
        values: float `[B, T]`, the critic's values of the observations.
        rewards: float `[B, T]`; entry t + 1 answers the action of step t.
        dones: bool or number `[B, T]`, true where an episode ended.
        truncateds: the same for episodes that were cut off. None: truncations are not looked at, as in the
            reference.
        ratio: float `[B, T]`, probability of the action now over that when it was taken. None: 1.
        gamma: discount per step.
        gae_lambda: decay of the advantage's horizon per step.
        rho_clip: upper bound of the ratio before the temporal difference.
        c_clip: upper bound of the ratio in the recursion.
        alignment: at which observation `dones` and `truncateds` stand.

    Raises:
        ValueError: shapes differ, or an unknown alignment.
    """
    given = {"rewards": rewards, "dones": dones, "truncateds": truncateds, "ratio": ratio}
    for name, tensor in given.items():
        if tensor is not None and tensor.shape != values.shape:
            raise ValueError(
                f"{name} must be [B, T] = {list(values.shape)} as values, got {list(tensor.shape)}"
            )
    done = dones[:, 1:] != 0
    end, bootstrap = done, values[:, 1:].masked_fill(done, 0.0)
    if truncateds is not None:
        truncated = truncateds[:, 1:] != 0
        end = done | truncated
        if alignment == "first":
            bootstrap = torch.where(truncated & ~done, values[:, :-1], bootstrap)
    delta = rewards[:, 1:] + gamma * bootstrap - values[:, :-1]
    decay = (gamma * gae_lambda) * (~end).to(values.dtype)
    if ratio is not None:
        delta = delta * ratio[:, :-1].clamp(max=rho_clip)
        decay = decay * ratio[:, :-1].clamp(max=c_clip)
    idle = ~transitions(dones, truncateds, alignment)[:, :-1]
    return F.pad(_scan(delta.masked_fill(idle, 0.0), decay.masked_fill(idle, 0.0)), (0, 1))


def transitions(dones: Tensor, truncateds: Tensor | None = None, alignment: Alignment = "first") -> Tensor:
    """Bool `[B, T]`: the steps whose action led to the observation of the next column.

    All but the last column; under the alignment "last" also not the last step of an episode, after which
    the environment ignores the action.

    Raises ValueError for an unknown alignment.
    """
    check_alignment(alignment)
    acting = torch.ones_like(dones, dtype=torch.bool)
    acting[:, -1] = False
    if alignment == "last":
        acting &= dones == 0
        if truncateds is not None:
            acting &= truncateds == 0
    return acting


def _scan(delta: Tensor, decay: Tensor) -> Tensor:
    """`A[:, t] = delta[:, t] + decay[:, t] * A[:, t + 1]`, with zeros beyond the end; all `[B, T]`."""
    reach = 1
    while reach < delta.shape[1]:
        delta = delta + decay * F.pad(delta[:, reach:], (0, reach))
        decay = decay * F.pad(decay[:, reach:], (0, reach))
        reach *= 2
    return delta
