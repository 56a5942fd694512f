from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
import torch.nn as nn
from tensordict import TensorDict


@dataclass(frozen=True)
class Frame:
    """How the rows of a call are to be folded."""

    rows: int
    steps: int
    acting: bool


class Component(nn.Module):
    """Reads the entries of its sources, writes one of its own."""

    def __init__(self, name: str, sources: list[dict[str, str]] | None = None, env: Any = None,
                 clip_range: float = 0.0, **ignored: Any):
        super().__init__()
        self.name = name
        self.sources = [source["name"] for source in sources or []]
        self.env = env
        self.clip_range = clip_range

    def __getstate__(self):
        return {**self.__dict__, "env": None}

    def setup(self, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
        raise NotImplementedError

    def compute(self, td: TensorDict, frame: Frame) -> torch.Tensor:
        raise NotImplementedError

    def run(self, td: TensorDict, frame: Frame) -> None:
        td[self.name] = self.compute(td, frame)


class Flatten(Component):
    def setup(self, shapes):
        return (prod(shapes[0]),)

    def compute(self, td, frame):
        return td[self.sources[0]].flatten(1)


class Weighted(Component):
    """A layer with weights, a bound for them and a place to which they are drawn."""

    def __init__(self, clip_scale: float = 1.0, l2_init_scale: float = 1.0, nonlinearity: str | None = "ReLU",
                 gain: float = 1.0, **options: Any):
        super().__init__(**options)
        self.clip_scale = clip_scale
        self.l2_init_scale = l2_init_scale
        self.act = getattr(nn, nonlinearity)() if nonlinearity else nn.Identity()
        self.gain = gain

    def adopt(self, net: nn.Module) -> None:
        nn.init.orthogonal_(net.weight, self.gain)
        nn.init.zeros_(net.bias)
        self.net = net
        self.bound = self.clip_range * self.clip_scale * net.weight.detach().abs().max().item()
        self.register_buffer("origin", net.weight.detach().clone(), persistent=False)

    def clip_weights(self) -> None:
        if self.bound > 0:
            with torch.no_grad():
                self.net.weight.clamp_(-self.bound, self.bound)

    def l2_init_loss(self) -> torch.Tensor:
        return self.l2_init_scale * (self.net.weight - self.origin).pow(2).sum()

    def compute(self, td, frame):
        return self.act(self.net(td[self.sources[0]]))


class Linear(Weighted):
    def __init__(self, out: int, **options: Any):
        super().__init__(**options)
        self.out = out

    def setup(self, shapes):
        self.adopt(nn.Linear(shapes[0][0], self.out))
        return (self.out,)


class Conv2d(Weighted):
    def __init__(self, channels: int, kernel: int, stride: int = 1, padding: int = 0, **options: Any):
        super().__init__(**options)
        self.channels, self.kernel, self.stride, self.padding = channels, kernel, stride, padding

    def setup(self, shapes):
        depth, *grid = shapes[0]
        self.adopt(nn.Conv2d(depth, self.channels, self.kernel, self.stride, self.padding))
        grid = [(side + 2 * self.padding - self.kernel) // self.stride + 1 for side in grid]
        return (self.channels, *grid)


class Residual(Weighted):
    """x + f(x), at the width that comes in."""

    def __init__(self, dropout: float = 0.0, **options: Any):
        super().__init__(**options)

    def setup(self, shapes):
        self.adopt(nn.Linear(shapes[0][0], shapes[0][0]))
        return shapes[0]

    def compute(self, td, frame):
        x = td[self.sources[0]]
        return x + self.act(self.net(x))

    def l2_init_loss(self) -> torch.Tensor:
        far = self.net.weight.data - self.origin
        return self.l2_init_scale * far.square().sum()
