from __future__ import annotations

import torch
from tensordict import TensorDict


class Stamping:
    """Folds a [B, T] TensorDict into rows, and back."""

    def fold(self, td: TensorDict) -> tuple[TensorDict, int, int]:
        if td.batch_dims > 1:
            rows, steps = td.batch_size
            td = td.reshape(td.batch_size.numel())
        else:
            rows, steps = td.batch_size[0], 1
        self.stamp(td, bptt=steps, batch=rows)
        return td, rows, steps

    @staticmethod
    def stamp(td: TensorDict, **values: int) -> None:
        for key, value in values.items():
            td.set(key, torch.full(td.batch_size, value, dtype=torch.long, device=td["env_obs"].device))

    def unfold(self, td: TensorDict, rows: int, steps: int) -> TensorDict:
        return td.reshape(rows, steps)


class EagerStamping(Stamping):
    """Stamps first: the sizes are known before anything is folded."""

    def fold(self, td: TensorDict) -> tuple[TensorDict, int, int]:
        rows = td.batch_size[0]
        steps = td.batch_size[1] if td.batch_dims > 1 else 1
        count = rows * steps
        td.set("bptt", torch.full((count,), steps, dtype=torch.long, device=td["env_obs"].device))
        td.set("batch", torch.full((count,), rows, dtype=torch.long, device=td["env_obs"].device))
        return td.reshape(count), rows, steps

    def unfold(self, td: TensorDict, rows: int, steps: int) -> TensorDict:
        return td.reshape(steps, rows)
