import torch
import torch.nn as nn


class SlotBank(nn.Module):
    """(h, c) of every env, one column each. A call speaks for the columns from its group's first one on."""

    def __init__(self, layers: int, envs: int, width: int):
        super().__init__()
        self.register_buffer("h", torch.zeros(layers, envs, width), persistent=False)
        self.register_buffer("c", torch.zeros(layers, envs, width), persistent=False)

    def read(self, columns):
        return self.h[:, columns], self.c[:, columns]

    def write(self, columns, h, c):
        self.h[:, columns] = h.detach()
        self.c[:, columns] = c.detach()

    def clear(self):
        self.h.zero_()
        self.c.zero_()

    def __getstate__(self):
        # what the rollout remembered is no part of a checkpoint
        state = self.__dict__.copy()
        state["_buffers"] = {name: torch.zeros_like(value) for name, value in self._buffers.items()}
        return state


class RemembersMixin:
    """The trainer's four (and a half) questions. Wants `self.bank`."""

    def has_memory(self):
        return True

    def get_memory(self):
        return self.bank.h.clone(), self.bank.c.clone()

    def set_memory(self, memory):
        h, c = memory
        self.bank.h.copy_(h)
        self.bank.c.copy_(c)

    def reset_memory(self):
        self.bank.clear()

    def reset_env_memory(self, env_id):
        self.bank.h[:, env_id] = 0
        self.bank.c[:, env_id] = 0
