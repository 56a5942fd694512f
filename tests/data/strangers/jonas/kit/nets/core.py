import torch
from torch import nn


class Core(nn.Module):
    """An LSTM with the states of all environments in two buffers, a row for each."""

    def __init__(self, width, layers=2, environments=4096):
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers)
        self.reset_parameters()
        for name in ("h", "c"):
            self.register_buffer(name, torch.zeros(layers, environments, width), persistent=False)

    def reset_parameters(self):
        for name, p in self.lstm.named_parameters():
            nn.init.orthogonal_(p) if p.dim() == 2 else nn.init.constant_(p, 1.0)

    def __getstate__(self):
        state = self.__dict__.copy()
        blank = {name: torch.zeros_like(self._buffers[name]) for name in ("h", "c")}
        state["_buffers"] = {**self._buffers, **blank}
        return state

    @property
    def memory(self):
        return self.h.clone(), self.c.clone()

    @memory.setter
    def memory(self, value):
        self.h.copy_(value[0])
        self.c.copy_(value[1])

    def clear(self):
        self.h.zero_()
        self.c.zero_()

    def step(self, x, rows, over):
        """[B, H] of one step; `over` [B] marks the rows whose episode has ended"""
        keep = (~over).to(x.dtype).view(1, -1, 1)
        y, (h, c) = self.lstm(x.unsqueeze(0), (self.h[:, rows] * keep, self.c[:, rows] * keep))
        self.h[:, rows] = h.detach()
        self.c[:, rows] = c.detach()
        return y.squeeze(0)

    def unroll(self, x, over):
        """[B, T, H] from zero, and from zero again after each end"""
        batch, steps, width = x.shape
        h = c = x.new_zeros(self.lstm.num_layers, batch, width)
        ys = []
        for t in range(steps):
            keep = 1.0 - over[:, t].to(x.dtype).view(1, -1, 1)
            y, (h, c) = self.lstm(x[:, t].unsqueeze(0), (h * keep, c * keep))
            ys.append(y.squeeze(0))
        return torch.stack(ys, dim=1)


class RawCore(nn.Module):
    """A GRU that remembers, always."""

    def __init__(self, width):
        super().__init__()
        self.gru = nn.GRU(width, width)
        self.past = None

    def forward(self, x):
        y, self.past = self.gru(x, self.past)
        return y
