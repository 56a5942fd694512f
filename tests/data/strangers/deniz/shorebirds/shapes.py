"""What the environment says about itself, and small helpers on TensorDicts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor

PADDING = 0xFF


@dataclass(frozen=True, slots=True)
class EnvShape:
    channels: int
    width: int
    height: int
    scales: tuple[float, ...]

    @classmethod
    def of(cls, env) -> EnvShape:
        norms: dict[int, float] = env.feature_normalizations
        channels = max(norms) + 1
        scales = tuple(float(norms.get(i) or 1.0) for i in range(channels))
        return cls(channels, env.obs_width, env.obs_height, scales)


def ended(td: TensorDict, shape: tuple[int, ...]) -> Tensor:
    """True where an episode has ended before this row; each flag counts alone."""
    over = torch.zeros(shape, dtype=torch.bool, device=td["env_obs"].device)
    for key in ("dones", "truncateds"):
        if (flag := td.get(key, None)) is not None:
            over = over | (flag.reshape(shape) > 0)
    return over


def stamp(td: TensorDict, *, steps: int, rows: int) -> None:
    device = td["env_obs"].device
    td["bptt"] = torch.full((steps * rows,), steps, dtype=torch.int64, device=device)
    td["batch"] = torch.full((steps * rows,), rows, dtype=torch.int64, device=device)
