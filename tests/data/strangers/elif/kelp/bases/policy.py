from __future__ import annotations

from abc import ABC, abstractmethod

from tensordict import TensorDict
from torch import Tensor, nn


class PolicyBase(nn.Module, ABC):
    """The root: keeps what every config says, and refuses what it does not know."""

    def __init__(self, env, *, clip_range: float = 0.0, analyze_weights_interval: int = 300, **unknown) -> None:
        super().__init__()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no options {sorted(unknown)}")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.token_shape: tuple[int, ...] = env.single_observation_space.shape

    @abstractmethod
    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict: ...

    @staticmethod
    def is_training_call(action: Tensor | None) -> bool:
        return action is not None
