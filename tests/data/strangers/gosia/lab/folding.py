"""[B, T] in, [B, T] out: forwards that only ever see rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import contextmanager

import torch
from tensordict import TensorDict


def folded(forward: Callable) -> Callable:
    """Stamps and folds the TensorDict for a `forward(self, td, batch, steps, action)`; unfolds what it returns."""

    @functools.wraps(forward)
    def wrapped(self, td: TensorDict, state=None, action=None) -> TensorDict:
        batch, steps = (*td.batch_size, 1)[:2]
        rows = td.reshape(batch * steps) if td.batch_dims == 2 else td
        for key, value in (("bptt", steps), ("batch", batch)):
            rows[key] = torch.full((batch * steps,), value, dtype=torch.long, device=rows["env_obs"].device)
        result = forward(self, rows, batch, steps, action)
        return result.reshape(batch, steps) if td.batch_dims == 2 else result

    return wrapped


@contextmanager
def half_folded(td: TensorDict):
    """The rows of a TensorDict, for as long as they are needed."""
    batch, steps = (*td.batch_size, 1)[:2]
    rows = td.reshape(batch * steps)
    rows["bptt"] = torch.full((batch * steps,), steps, dtype=torch.long, device=td["env_obs"].device)
    rows["batch"] = torch.full((batch * steps,), batch, dtype=torch.long, device=td["env_obs"].device)
    yield rows, batch, steps
