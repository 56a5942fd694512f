"""What the trainer asks of an environment: many agents, in groups that step together."""

from typing import Any, NamedTuple, Protocol

from torch import Tensor


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
