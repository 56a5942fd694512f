from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensordict import TensorDict
from torch import Tensor, nn


@dataclass
class Call:
    """One forward: rows are flattened, row by row of `batch`, `steps` each."""

    td: TensorDict
    batch: int
    steps: int
    training: bool


class Component(nn.Module):
    """A node of the graph. `setup` gets the shapes of the sources, without rows, and answers its own."""

    def __init__(self, name: str, env: Any, sources: list[dict] | None = None, clip_range: float = 0.0, **cfg: Any):
        super().__init__()
        self.name = name
        self.env = env
        self.source_names = [source["name"] for source in sources or []]
        self.clip_range = clip_range

    def setup(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        raise NotImplementedError(type(self).__name__)

    def forward(self, call: Call, *inputs: Tensor) -> Tensor:
        raise NotImplementedError(type(self).__name__)

    def clip_weights(self) -> None:
        """Only some have weights worth clipping."""

    def l2_init_loss(self) -> Tensor | float:
        return 0.0
