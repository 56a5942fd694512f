"""Recurrent states of all environments in one tensor, found by index and never by the host."""
import torch
from torch import nn


class StateBank(nn.Module):
    """`parts` tensors of [layers, envs, width]: 1 for a GRU, 2 for an LSTM, more for several cores."""

    def __init__(self, parts, layers, envs, width):
        super().__init__()
        self.register_buffer("kept", torch.zeros(parts, layers, envs, width), persistent=False)

    def places(self, td):
        first = td["training_env_id_start"][0]
        return first + torch.arange(td.batch_size[0], device=first.device)

    def read(self, td):
        over = td["dones"].bool().logical_or(td["truncateds"].bool())
        return self.kept[:, :, self.places(td)].masked_fill(over.view(1, 1, -1, 1), 0.0)

    def write(self, td, parts):
        self.kept[:, :, self.places(td)] = torch.stack([part.detach() for part in parts])

    def wipe(self):
        self.kept.zero_()

    def __getstate__(self):
        state = dict(self.__dict__)
        state["_buffers"] = {name: torch.zeros_like(kept) for name, kept in self._buffers.items()}
        return state
