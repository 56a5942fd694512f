"""Recurrent state by environment: one line of a table for each."""
import torch
from tensordict import TensorDict
from torch import Tensor, nn


class RowTable(nn.Module):
    def __init__(self, lines: int, width: int, parts: int = 1) -> None:
        super().__init__()
        self.register_buffer("cells", torch.zeros(parts, lines, width), persistent=False)

    def lines_of(self, td: TensorDict) -> Tensor:
        """The lines of a rollout's rows: a group stands together from its first environment on."""
        order = torch.arange(td.batch_size[0], device=self.cells.device)
        first = td.get("training_env_id_start", None)
        return order if first is None else order + first[:1]

    def read(self, where: Tensor) -> Tensor:
        return self.cells[:, where]

    @torch.no_grad()
    def write(self, where: Tensor, carry: Tensor) -> None:
        self.cells[:, where] = carry

    def wipe(self) -> None:
        self.cells.zero_()

    def snapshot(self) -> Tensor:
        return self.cells.clone()

    def restore(self, cells: Tensor) -> None:
        self.cells.copy_(cells)

    def __getstate__(self):
        kept = self.__dict__.copy()
        kept["_buffers"] = {name: torch.zeros_like(value) for name, value in self._buffers.items()}
        return kept
