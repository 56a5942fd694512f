import torch
from torch import nn


class StateBank(nn.Module):
    """Hidden and cell states, one row per environment. Copies and pickles of it are empty."""

    def __init__(self, layers, width, rows):
        super().__init__()
        self.layers, self.width, self.rows = layers, width, rows
        self.h = None
        self.c = None

    def __getstate__(self):
        state = self.__dict__.copy()
        state["h"] = state["c"] = None
        return state

    def clear(self):
        self.h = self.c = None

    def snapshot(self):
        if self.h is None:
            return None
        return self.h.clone(), self.c.clone()

    def restore(self, states):
        if states is None:
            self.clear()
        else:
            self.h, self.c = (state.clone() for state in states)

    def _blank(self, count, device):
        return torch.zeros(count, self.layers, self.width, device=device)

    def fetch(self, places, count, device):
        size = max(count, self.rows)
        if self.h is None:
            self.h, self.c = self._blank(size, device), self._blank(size, device)
        elif size > self.h.shape[0]:
            extra = size - self.h.shape[0]
            self.h = torch.cat([self.h, self._blank(extra, device)])
            self.c = torch.cat([self.c, self._blank(extra, device)])
        pick = lambda table: table.index_select(0, places).transpose(0, 1).contiguous()
        return pick(self.h), pick(self.c)

    def keep(self, places, h, c):
        self.h = self.h.index_copy(0, places, h.detach().transpose(0, 1))
        self.c = self.c.index_copy(0, places, c.detach().transpose(0, 1))
