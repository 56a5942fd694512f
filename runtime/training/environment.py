"""What the trainer asks of an environment: many agents, in groups that step together."""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ..memory import BOUNDARY_KEYS


class Step(NamedTuple):
    """What `n` agents have come to."""

    observations: Tensor  # [n, *obs_shape], of the space's dtype: uint8 for tokens
    rewards: Tensor  # float32 [n], for their last actions
    dones: Tensor  # bool [n], the episode ended; at which observation, the trainer's `alignment` says
    truncateds: Tensor  # bool [n], the episode was cut off
    agents: slice  # which agents these are


class VectorEnvironment(Protocol):
    """Groups take turns: `recv` gives the next group's step, `send` takes the actions of the group received.

    The first `recv` of all starts the first episodes, with rewards and flags of zero.
    """

    num_agents: int
    single_observation_space: Any  # Box: has `shape`, and `dtype` where that is not uint8
    single_action_space: Any  # Discrete (`n`) or MultiDiscrete (`nvec`) of (type, argument)

    def recv(self) -> Step:
        """The next group's observations, and what its last actions brought."""

    def send(self, actions: Tensor) -> None:
        """Act: int32 `[n, 2]` (Discrete: `[n]`)."""


def receive(env: VectorEnvironment) -> Step:
    """The next group's step.

    Raises TypeError or ValueError where it is not as `Step` says, with the entry.
    """
    step = env.recv()
    if not isinstance(step, Step):
        raise TypeError(f"recv() must return a Step, got a {type(step).__name__}")
    first, end = getattr(step.agents, "start", None), getattr(step.agents, "stop", None)
    if not (isinstance(first, int) and isinstance(end, int) and 0 <= first < end <= env.num_agents):
        raise ValueError(
            f"Step.agents must be slice(first, end) within {env.num_agents} agents, got {step.agents!r}"
        )
    rows = (end - first,)
    for name in ("observations", "rewards", *BOUNDARY_KEYS):
        entry, is_flag = getattr(step, name), name in BOUNDARY_KEYS
        if not isinstance(entry, Tensor):
            raise TypeError(f"Step.{name} must be a tensor, got a {type(entry).__name__}")
        shape = entry.shape[:1] if name == "observations" else entry.shape
        if shape != rows or (is_flag and entry.dtype != torch.bool):
            wanted = f"[{rows[0]}{', *obs_shape' if name == 'observations' else ''}]{' bool' * is_flag}"
            raise ValueError(f"Step.{name} must be {wanted}, got {list(entry.shape)} {entry.dtype}")
    return step
