"""What the parts of an agent promise to each other."""

from typing import Any, Protocol, runtime_checkable

from tensordict import TensorDict
from torch import Tensor


@runtime_checkable
class SupportsMemory(Protocol):
    def has_memory(self) -> bool: ...

    def get_memory(self) -> Any: ...

    def set_memory(self, memory: Any) -> None: ...

    def reset_memory(self) -> None: ...


class SupportsClipping(Protocol):
    clip_range: float

    def clip_weights(self) -> None: ...


class Trainable(SupportsMemory, SupportsClipping, Protocol):
    def __call__(self, td: TensorDict, state: Any = None, action: Tensor | None = None) -> TensorDict: ...
