"""Where agents put what they remember. Not modules: none of this belongs into a checkpoint."""
import abc

import torch


class Memory(abc.ABC):
    @abc.abstractmethod
    def take(self, td, like): ...

    @abc.abstractmethod
    def put(self, td, state): ...

    @abc.abstractmethod
    def clear(self): ...

    @abc.abstractmethod
    def copy(self): ...


class SeatMemory(Memory):
    """A seat for every environment; a group sits together."""

    def __init__(self, layers, width, seats=1024):
        self.shape = (layers, seats, width)
        self.clear()

    def clear(self):
        self.seats = None

    def copy(self):
        return None if self.seats is None else self.seats.clone()

    def paste(self, seats):
        self.seats = None if seats is None else seats.clone()

    def _where(self, td, device):
        where = torch.arange(td.shape[0], device=device)
        if "training_env_id_start" in td.keys():
            where = where + td["training_env_id_start"][:1]
        return where

    def take(self, td, like):
        if self.seats is None:
            self.seats = torch.zeros(self.shape, device=like.device)
        return self.seats[:, self._where(td, like.device)]

    def put(self, td, state):
        self.seats[:, self._where(td, state.device)] = state.detach()

    def __getstate__(self):
        return {"shape": self.shape, "seats": None}


class Remembering(object):
    """The trainer's side of `self.memory`."""

    def has_memory(self):
        return True

    def get_memory(self):
        return self.memory.copy()

    def set_memory(self, memory):
        self.memory.paste(memory)

    def reset_memory(self):
        self.memory.clear()
