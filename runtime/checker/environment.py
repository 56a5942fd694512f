"""The environment that policies under test are built against: a description, nothing that steps.

Shape of the reference's environment: 200 tokens of three bytes on an 11 x 11 window, 24 features,
seven action types with up to nine arguments, 19 joint (type, argument) actions.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

TOKENS = 200
FEATURES = 24
MAX_ACTION_ARGS = (0, 1, 3, 8, 0, 0, 0)
ACTION_NAMES = ("noop", "move", "turn", "use", "take", "put", "swap")
NORMALIZATIONS = (10.0, 1.0, 3.0, 255.0, 8.0, 100.0)


@dataclass(frozen=True, slots=True)
class _Box:
    """What policies read of gymnasium's Box, where gymnasium is not installed."""

    low: int
    high: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class _MultiDiscrete:
    """What policies read of gymnasium's MultiDiscrete, where gymnasium is not installed."""

    nvec: np.ndarray[Any, np.dtype[np.int64]]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.nvec.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.nvec.dtype


def _observation_space() -> Any:
    try:
        from gymnasium.spaces import Box
    except ImportError:
        return _Box(0, 255, (TOKENS, 3), np.dtype(np.uint8))
    return Box(0, 255, (TOKENS, 3), np.uint8)


def _action_space() -> Any:
    nvec = np.array([len(MAX_ACTION_ARGS), max(MAX_ACTION_ARGS) + 1], dtype=np.int64)
    try:
        from gymnasium.spaces import MultiDiscrete
    except ImportError:
        return _MultiDiscrete(nvec)
    return MultiDiscrete(nvec)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a policy's constructor and the trainer's activation read of an environment."""

    single_observation_space: Any = field(default_factory=_observation_space)  # Box uint8 [200, 3]
    single_action_space: Any = field(default_factory=_action_space)  # MultiDiscrete([7, 9])
    obs_width: int = 11
    obs_height: int = 11
    num_agents: int = 4
    feature_normalizations: dict[int, float] = field(
        default_factory=lambda: {i: NORMALIZATIONS[i % len(NORMALIZATIONS)] for i in range(FEATURES)}
    )
    action_names: list[str] = field(default_factory=lambda: list(ACTION_NAMES))
    max_action_args: list[int] = field(default_factory=lambda: list(MAX_ACTION_ARGS))

    @property
    def observation_space(self) -> Any:
        return self.single_observation_space

    @property
    def action_space(self) -> Any:
        return self.single_action_space

    def get_observation_features(self) -> dict[str, dict[str, float]]:
        """Feature name -> its id and its normalisation."""
        return {
            f"feature_{i}": {"id": i, "normalization": scale}
            for i, scale in self.feature_normalizations.items()
        }

    @property
    def joint_actions(self) -> list[tuple[int, int]]:
        """Every legal (type, argument), in the order of the joint index."""
        return [(kind, arg) for kind, most in enumerate(self.max_action_args) for arg in range(most + 1)]

    @property
    def full_action_names(self) -> list[str]:
        """One name a joint action, as the trainer's agent spells it."""
        return [f"{self.action_names[kind]}_{arg}" for kind, arg in self.joint_actions]
