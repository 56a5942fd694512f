"""Rows, steps and what the trainer wants to know about them."""
from __future__ import annotations

from functools import wraps

import torch
from tensordict import TensorDict


def stamp(td: TensorDict, steps: int, rows: int) -> TensorDict:
    entries = {"bptt": steps, "batch": rows}
    device = td["env_obs"].device
    for name, number in entries.items():
        td.set(name, torch.full((steps * rows,), number, dtype=torch.int64, device=device))
    return td


def extent(td: TensorDict) -> tuple[int, int]:
    """(rows, steps) of what the trainer hands over; a rollout has one step."""
    if td.batch_dims > 1:
        rows, steps = td.batch_size
        return rows, steps
    return td.batch_size[0], 1


def segmented(method):
    """Lets `method` see flat, stamped rows, and gives the caller back the shape that it came with."""

    @wraps(method)
    def forward(self, td: TensorDict, state=None, action=None) -> TensorDict:
        rows, steps = extent(td)
        if action is None:
            stamp(td, 1, rows)
            method(self, td, None, rows, 1)
            return td
        flat = stamp(td.reshape(rows * steps), steps, rows)
        method(self, flat, action.reshape(rows * steps, -1), rows, steps)
        return flat.reshape(rows, steps)

    return forward
