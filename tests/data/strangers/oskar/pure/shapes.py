"""What the functions pass to each other."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class Tokens(NamedTuple):
    x: Tensor  # [N, M], int64
    y: Tensor
    attribute: Tensor
    value: Tensor  # [N, M], float32
    present: Tensor  # [N, M], bool


class Carry(NamedTuple):
    h: Tensor  # [slots, H]
    c: Tensor


class Box(NamedTuple):
    layers: int
    width: int
    height: int

    @property
    def cells(self) -> int:
        return self.layers * self.width * self.height


class Choice(NamedTuple):
    actions: Tensor
    log_prob: Tensor
    log_probs: Tensor


@dataclass(frozen=True)
class Options:
    hidden: int = 128
    slots: int = 4096
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


def box_of(env) -> Box:
    return Box(max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)
