from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class World:
    """What an encoder or a head has to know of the environment."""

    features: int
    width: int
    height: int
    norms: tuple[float, ...]
    joint_actions: int

    @classmethod
    def of(cls, env: Any) -> "World":
        norms = dict(env.feature_normalizations)
        features = max(norms) + 1
        return cls(
            features=features,
            width=env.obs_width,
            height=env.obs_height,
            norms=tuple(float(norms.get(i) or 1.0) for i in range(features)),
            joint_actions=sum(int(most) + 1 for most in env.max_action_args),
        )

    @property
    def cells(self) -> int:
        return self.width * self.height

    def scale(self) -> Tensor:
        return torch.tensor(self.norms, dtype=torch.float32)


def split(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Coordinate byte, column, row, attribute and value of every token."""
    place, attribute, value = tokens.unbind(-1)
    place = place.long()
    return place, place >> 4, place & 0x0F, attribute.long(), value.float()
