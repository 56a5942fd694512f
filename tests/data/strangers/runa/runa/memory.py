from __future__ import annotations

import torch
from tensordict import TensorDictBase
from torch import Tensor


class GroupMemory:
    """Mixin. Two tables with a seat for each environment; whoever mixes it in has num_layers and hidden_size."""

    SEATS = 4096
    PRIVATE = "_mem_"

    _mem_h: Tensor | None = None
    _mem_c: Tensor | None = None

    # -- what the trainer calls

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[str, Tensor]:
        if self._mem_h is None or self._mem_c is None:
            return {}
        return {"h": self._mem_h.clone(), "c": self._mem_c.clone()}

    def set_memory(self, memory: dict[str, Tensor]) -> None:
        self.reset_memory()
        if memory:
            self._mem_h, self._mem_c = memory["h"].clone(), memory["c"].clone()

    def reset_memory(self) -> None:
        self._mem_h = self._mem_c = None

    # -- pickles and copies start without a past

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if not key.startswith(self.PRIVATE)}

    # -- what the skeleton calls

    def seats_of(self, td: TensorDictBase, rows: int) -> Tensor:
        seats = torch.arange(rows, device=td["env_obs"].device)
        first = td.get("training_env_id_start", None)
        return seats if first is None else seats + first.view(-1)[0]

    def recall_state(self, seats: Tensor) -> tuple[Tensor, Tensor]:
        if self._mem_h is None:
            shape = (self.num_layers, self.SEATS, self.hidden_size)
            self._mem_h = torch.zeros(shape, device=seats.device)
            self._mem_c = torch.zeros(shape, device=seats.device)
        return self._mem_h[:, seats], self._mem_c[:, seats]

    def keep_state(self, seats: Tensor, h: Tensor, c: Tensor) -> None:
        self._mem_h[:, seats] = h.detach()
        self._mem_c[:, seats] = c.detach()

    @staticmethod
    def goes_on(td: TensorDictBase, rows: int, steps: int) -> Tensor:
        """[steps, rows, 1], 0 where an episode begins."""
        running = torch.ones(rows, steps, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                running = running * (1 - td[flag].view(rows, steps).to(running.dtype))
        return running.t().unsqueeze(-1)
