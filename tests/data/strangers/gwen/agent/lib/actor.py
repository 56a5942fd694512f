from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn

from .layers import Component


class ActionNames(Component):
    """One vector for each joint action."""

    def __init__(self, width: int = 16, **options: Any):
        super().__init__(**options)
        self.width = width

    def setup(self, shapes):
        count = sum(most + 1 for most in self.env.max_action_args)
        self.net = nn.Embedding(count, self.width)
        start = nn.init.orthogonal_(torch.empty(count, self.width))
        with torch.no_grad():
            self.net.weight.copy_(start * (0.1 / start.abs().max()))
        return (count, self.width)

    def compute(self, td, frame):
        return self.net.weight.unsqueeze(0).expand(frame.rows * frame.steps, -1, -1)


class Pointer(Component):
    """tanh of a query, times the vectors of the actions."""

    def __init__(self, temperature: float = 1.0, **options: Any):
        super().__init__(**options)
        self._temperature = temperature

    def setup(self, shapes):
        (hidden,), (count, width) = shapes
        self.query = nn.Linear(hidden, width)
        self.bias = nn.Parameter(torch.zeros(1))
        return (count,)

    def compute(self, td, frame):
        hidden, names = (td[source] for source in self.sources)
        query = torch.tanh(self.query(hidden)).unsqueeze(-1)
        return (names @ query).squeeze(-1) + self.bias
