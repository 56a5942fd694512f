"""The scalar LSTM of xLSTM: exponential gates, held in range by a stabiliser."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SState(NamedTuple):
    h: Tensor
    c: Tensor
    n: Tensor
    m: Tensor

    @classmethod
    def zeros(cls, like: Tensor, width: int) -> "SState":
        return cls(*(like.new_zeros(like.shape[0], width) for _ in cls._fields))

    def map(self, f) -> "SState":
        return SState(*map(f, self))


class SLSTM(nn.Module):
    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.from_input = nn.Linear(features, 4 * width)
        self.from_state = nn.Linear(width, 4 * width, bias=False)
        nn.init.orthogonal_(self.from_input.weight)
        nn.init.orthogonal_(self.from_state.weight)
        nn.init.ones_(self.from_input.bias)

    def forward(self, x: Tensor, state: SState) -> tuple[Tensor, SState]:
        h, c, n, m = state
        i, f, z, o = (self.from_input(x) + self.from_state(h)).chunk(4, dim=-1)
        log_f = F.logsigmoid(f)
        top = torch.maximum(log_f + m, i)
        gate_i, gate_f = torch.exp(i - top), torch.exp(log_f + m - top)
        c = gate_f * c + gate_i * torch.tanh(z)
        n = gate_f * n + gate_i
        h = torch.sigmoid(o) * c / n.clamp(min=1e-6)
        return h, SState(h, c, n, top)
