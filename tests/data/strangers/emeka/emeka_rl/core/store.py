from __future__ import annotations

import copy
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor


class StateStore:
    """Recurrent states of environment groups: [layers, B, hidden] under the group's first environment.

    Copies and pickles of it are empty.
    """

    def __init__(self) -> None:
        self._by_group: dict[int, tuple[Tensor, ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_by_group": {}}

    def __deepcopy__(self, memo: dict[int, Any]) -> StateStore:
        return StateStore()

    @staticmethod
    def group(td: TensorDict) -> int:
        start = td.get("training_env_id_start", None)
        return 0 if start is None else int(start[0].item())

    def read(self, td: TensorDict) -> tuple[Tensor, ...] | None:
        state = self._by_group.get(self.group(td))
        if state is None:
            return None
        ended = [td.get(flag).bool() for flag in ("dones", "truncateds") if flag in td.keys()]
        for flags in ended:
            state = tuple(part.masked_fill(flags.view(1, -1, 1), 0.0) for part in state)
        return state

    def write(self, td: TensorDict, state: tuple[Tensor, ...]) -> None:
        self._by_group[self.group(td)] = tuple(part.detach() for part in state)

    def snapshot(self) -> dict[int, tuple[Tensor, ...]]:
        return copy.copy(self._by_group)

    def restore(self, snapshot: dict[int, tuple[Tensor, ...]]) -> None:
        self._by_group = copy.copy(snapshot)

    def clear(self) -> None:
        self._by_group.clear()
