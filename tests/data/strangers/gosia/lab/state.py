from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class LSTMState:
    h: Tensor
    c: Tensor

    @classmethod
    def zeros(cls, layers: int, batch: int, width: int, like: Tensor) -> LSTMState:
        return cls(like.new_zeros(layers, batch, width), like.new_zeros(layers, batch, width))

    def detach(self) -> LSTMState:
        return replace(self, h=self.h.detach(), c=self.c.detach())

    def where(self, keep: Tensor) -> LSTMState:
        keep = keep.to(self.h.dtype).view(1, -1, 1)
        return LSTMState(self.h * keep, self.c * keep)

    def pair(self) -> tuple[Tensor, Tensor]:
        return self.h, self.c


class Slots(dict):
    """States by group. Does not travel."""

    def __reduce__(self):
        return Slots, ()

    def __deepcopy__(self, memo):
        return Slots()
