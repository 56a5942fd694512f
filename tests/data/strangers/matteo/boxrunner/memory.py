from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class LaneMemory(nn.Module):
    """Hidden and cell state of each environment lane.

    A group of environments that starts at id `s` owns the lanes `s, s + 1, ...`, one for each of its rows.
    """

    hidden: Tensor
    cell: Tensor

    def __init__(self, layers: int, lanes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("hidden", torch.zeros(layers, lanes, width), persistent=False)
        self.register_buffer("cell", torch.zeros(layers, lanes, width), persistent=False)

    def lanes(self, td: TensorDict, rows: int) -> Tensor:
        offsets = torch.arange(rows, device=self.hidden.device)
        first = td.get("training_env_id_start", None)
        if first is None:
            return offsets
        return first.reshape(-1)[:1].to(self.hidden.device) + offsets

    def ended(self, td: TensorDict, rows: int) -> Tensor:
        ended = torch.zeros(rows, dtype=torch.bool, device=self.hidden.device)
        for key in ("dones", "truncateds"):
            flag = td.get(key, None)
            if flag is not None:
                ended = ended | flag.reshape(-1).bool()
        return ended

    def read(self, lanes: Tensor, ended: Tensor) -> tuple[Tensor, Tensor]:
        goes_on = (~ended).to(self.hidden.dtype).view(1, -1, 1)
        return self.hidden[:, lanes] * goes_on, self.cell[:, lanes] * goes_on

    def write(self, lanes: Tensor, hidden: Tensor, cell: Tensor) -> None:
        self.hidden[:, lanes] = hidden.detach()
        self.cell[:, lanes] = cell.detach()

    def snapshot(self) -> dict[str, Tensor]:
        return {"hidden": self.hidden.clone(), "cell": self.cell.clone()}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        self.hidden.copy_(snapshot["hidden"])
        self.cell.copy_(snapshot["cell"])

    def clear(self) -> None:
        self.hidden.zero_()
        self.cell.zero_()

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_buffers"] = {name: torch.zeros_like(buffer) for name, buffer in self._buffers.items()}
        return state
