from collections.abc import Callable

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class Store(nn.Module):
    """Named states with a row for each environment; the group's first id says which rows are meant."""

    def __init__(self, capacity: int = 8192, **widths: int) -> None:
        super().__init__()
        for name, width in widths.items():
            self.register_buffer(name, torch.zeros(capacity, width), persistent=False)

    def read(self, td: TensorDict) -> tuple[Tensor, ...]:
        rows = self._rows(td)
        return tuple(table[rows] for table in self.buffers())

    def write(self, td: TensorDict, *states: Tensor) -> None:
        rows = self._rows(td)
        for table, state in zip(self.buffers(), states, strict=True):
            table[rows] = state.detach()

    def snapshot(self) -> dict[str, Tensor]:
        return {name: table.clone() for name, table in self.named_buffers()}

    def restore(self, tables: dict[str, Tensor]) -> None:
        for name, table in self.named_buffers():
            table.copy_(tables[name])

    def clear(self) -> None:
        for table in self.buffers():
            table.zero_()

    def _rows(self, td: TensorDict) -> Tensor:
        count = torch.arange(td.batch_size[0], device=td["env_obs"].device)
        if "training_env_id_start" not in td.keys():
            return count
        return td["training_env_id_start"].view(td.batch_size[0], -1)[:, 0] + count

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_buffers": {name: torch.zeros_like(table) for name, table in self._buffers.items()}}


def episode_ends(td: TensorDict, rows: int, steps: int) -> Tensor:
    """bool [rows, steps]; an absent flag counts as never set."""
    ends = torch.zeros(rows, steps, dtype=torch.bool, device=td["env_obs"].device)
    for flag in (td.get("dones", None), td.get("truncateds", None)):
        match flag:
            case None:
                continue
            case _:
                ends = ends.logical_or(flag.view(rows, steps) != 0)
    return ends


def unroll(step: Callable, inputs: Tensor, ends: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run `step` over [B, T, F]; the state starts anew in the rows where an episode has ended."""
    outputs = []
    for x, end in zip(inputs.unbind(1), ends.unbind(1), strict=True):
        state = tuple(s.masked_fill(end.unsqueeze(-1), 0.0) for s in state)
        out, state = step(x, state)
        outputs.append(out)
    return torch.stack(outputs, dim=1), state
