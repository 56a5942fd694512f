"""Recurrent state, one column per environment."""

import torch


class EnvMemory:
    """Keeps (h, c) of all environments in two tensors and finds the columns of a call on the device."""

    _h: torch.Tensor | None = None
    _c: torch.Tensor | None = None
    max_envs = 8192

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        if self._h is None:
            return None
        return self._h.clone(), self._c.clone()

    def set_memory(self, memory) -> None:
        if memory is None:
            self.reset_memory()
        else:
            h, c = memory
            self._h, self._c = h.clone(), c.clone()

    def reset_memory(self) -> None:
        self._h = None
        self._c = None

    def reset_env_memory(self, env_id: int) -> None:
        if self._h is not None:
            self._h[:, env_id].zero_()
            self._c[:, env_id].zero_()

    def __getstate__(self):
        # checkpoints start with an empty head
        return {**self.__dict__, "_h": None, "_c": None}

    def _ended(self, td, rows: int) -> torch.Tensor:
        """Which rows begin an episode. Evaluation passes no flags, or only one of them."""
        ended = torch.zeros(rows, dtype=torch.bool, device=td["env_obs"].device)
        for flag in ("dones", "truncateds"):
            if flag in td.keys():
                ended = ended | td[flag].reshape(-1).bool()
        return ended

    def _recall(self, td, like: torch.Tensor, layers: int, width: int):
        rows = like.shape[1]
        if self._h is None:
            self._h = like.new_zeros(layers, self.max_envs, width)
            self._c = like.new_zeros(layers, self.max_envs, width)
        columns = torch.arange(rows, device=like.device)
        if "training_env_id_start" in td.keys():
            columns = columns + td["training_env_id_start"].reshape(-1).long()
        ended = self._ended(td, rows).view(1, rows, 1)
        h = self._h[:, columns].masked_fill(ended, 0.0)
        c = self._c[:, columns].masked_fill(ended, 0.0)
        return columns, (h, c)

    def _keep(self, columns: torch.Tensor, state) -> None:
        h, c = state
        self._h[:, columns] = h.detach()
        self._c[:, columns] = c.detach()
