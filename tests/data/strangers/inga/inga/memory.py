"""Where the states of a policy's core wait between two calls."""
from __future__ import annotations

from typing import Optional

import torch
from tensordict import TensorDict
from torch import Tensor

State = tuple[Tensor, ...]


def ended(td: TensorDict) -> Tensor:
    over = torch.logical_or(td["dones"].bool(), td["truncateds"].bool())
    return over.reshape(1, -1, 1)


class Shelf:
    """One state per group of environments. Copies and pickles of a shelf are empty."""

    def __init__(self) -> None:
        self._kept: dict[int, State] = {}

    @torch._dynamo.disable
    def slot(self, td: TensorDict) -> int:
        starts = td.get("training_env_id_start", None)
        return 0 if starts is None else int(starts.reshape(-1)[0].item())

    def fetch(self, slot: int) -> Optional[State]:
        return self._kept.get(slot)

    def put(self, slot: int, state: State) -> None:
        self._kept[slot] = tuple(part.detach() for part in state)

    def clear(self) -> None:
        self._kept = {}

    def snapshot(self) -> dict[int, State]:
        return {slot: tuple(part.clone() for part in state) for slot, state in self._kept.items()}

    def restore(self, kept: dict[int, State]) -> None:
        self._kept = dict(kept)

    def __getstate__(self) -> dict:
        return {"_kept": {}}


class Remembers:
    """Mixin for policies with a `shelf`: what the trainer asks of a memory, and how forward uses it."""

    shelf: Shelf

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, State]:
        return self.shelf.snapshot()

    def set_memory(self, memory: dict[int, State]) -> None:
        self.shelf.restore(memory)

    def reset_memory(self) -> None:
        self.shelf.clear()

    def recall(self, td: TensorDict) -> Optional[State]:
        kept = self.shelf.fetch(self.shelf.slot(td))
        if kept is None:
            return None
        over = ended(td)
        return tuple(part.masked_fill(over, 0.0) for part in kept)

    def remember(self, td: TensorDict, state: State) -> None:
        self.shelf.put(self.shelf.slot(td), state)
