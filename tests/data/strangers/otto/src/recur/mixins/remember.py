import torch


class RememberMixin:
    """A list of (h, c) by group, one pair for each cell."""

    def init_memory(self):
        self._groups = {}

    def has_memory(self):
        return True

    def get_memory(self):
        return {k: [tuple(x.clone() for x in pair) for pair in v] for k, v in self._groups.items()}

    def set_memory(self, memory):
        self._groups = {k: list(v) for k, v in memory.items()}

    def reset_memory(self):
        self._groups.clear()

    def reset_env_memory(self, env_id):
        if env_id in self._groups:
            del self._groups[env_id]

    def __getstate__(self):
        return {k: ({} if k == "_groups" else v) for k, v in self.__dict__.items()}

    def group_of(self, td):
        ids = td.get("training_env_id_start", None)
        return 0 if ids is None else int(ids.flatten()[0])

    def ended(self, td, rows):
        out = torch.zeros(rows, 1, device=td["env_obs"].device)
        for name in ("dones", "truncateds"):
            if name in td.keys():
                out = torch.maximum(out, td[name].reshape(rows, 1).float())
        return out
