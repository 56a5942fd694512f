from __future__ import annotations

from typing import Any

import torch
import torch.nn as nn

from .layers import Component


class LSTM(Component):
    """The core. Rows of the bank are environments; a group's first row is its id."""

    def __init__(self, hidden: int = 128, num_layers: int = 2, places: int = 4096, **options: Any):
        super().__init__(**options)
        self.hidden = hidden
        self.num_layers = num_layers
        self.places = places

    def setup(self, shapes):
        self.net = nn.LSTM(shapes[0][0], self.hidden, self.num_layers)
        for name, weight in self.net.named_parameters():
            if "bias" in name:
                nn.init.constant_(weight, 1.0)
            else:
                nn.init.orthogonal_(weight)
        self.register_buffer("bank", torch.zeros(2, self.num_layers, self.places, self.hidden), persistent=False)
        return (self.hidden,)

    def __getstate__(self):
        state = super().__getstate__()
        state["_buffers"] = {**state["_buffers"], "bank": torch.zeros_like(self.bank)}
        return state

    def compute(self, td, frame):
        x = td[self.sources[0]].unflatten(0, (frame.rows, frame.steps)).transpose(0, 1)
        if not frame.acting:
            y, _ = self.net(x)
            return y.transpose(0, 1).flatten(0, 1)
        seats = torch.arange(frame.rows, device=x.device)
        start = td.get("training_env_id_start", None)
        if start is not None:
            seats = seats + start.flatten()[0]
        h, c = self.bank[:, :, seats].unbind(0)
        for flag in ("dones", "truncateds"):
            ended = td.get(flag, None)
            if ended is not None:
                ended = ended.bool().view(1, -1, 1)
                h, c = h.masked_fill(ended, 0.0), c.masked_fill(ended, 0.0)
        y, (h, c) = self.net(x, (h.contiguous(), c.contiguous()))
        self.bank[:, :, seats] = torch.stack([h, c]).detach()
        return y.squeeze(0)

    def reset(self) -> None:
        self.bank.zero_()

    def snapshot(self) -> torch.Tensor:
        return self.bank.clone()

    def restore(self, bank: torch.Tensor) -> None:
        self.bank.copy_(bank)
