"""The recurrent core and its memory, in one module: nobody else has to know how states are kept."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn


def episode_starts(td: TensorDict, batch: int, steps: int) -> Tensor:
    """Bool [batch, steps]: this observation is the first of an episode."""
    starts = td["env_obs"].new_zeros((batch, steps), dtype=torch.bool)
    if "dones" in td:
        starts = starts | (td["dones"] != 0).view(batch, steps)
    if "truncateds" in td:
        starts = starts | (td["truncateds"] != 0).view(batch, steps)
    return starts


class ModelCoreRNN(nn.Module):
    """An LSTM whose states live in a table, a row for each environment (or segment of a minibatch)."""

    def __init__(self, size: int, num_layers: int, max_rows: int = 8192) -> None:
        super().__init__()
        self.rnn = nn.LSTM(size, size, num_layers)
        for layer in range(num_layers):
            for name in ("weight_ih", "weight_hh"):
                nn.init.orthogonal_(getattr(self.rnn, f"{name}_l{layer}"), gain=1.0)
            for name in ("bias_ih", "bias_hh"):
                nn.init.constant_(getattr(self.rnn, f"{name}_l{layer}"), 1.0)
        # [row, h or c, layer, size]
        self.register_buffer("states", torch.zeros(max_rows, 2, num_layers, size), persistent=False)

    def forward(self, x: Tensor, td: TensorDict, batch: int, steps: int) -> Tensor:
        """Features [batch * steps, size] to core outputs of the same size, and move the states on."""
        rows = torch.arange(batch, device=x.device)
        if "training_env_id_start" in td:
            rows = rows + td["training_env_id_start"].view(batch, steps)[:, 0].long()
        h, c = (s.transpose(0, 1).contiguous() for s in self.states[rows].unbind(1))
        starts = episode_starts(td, batch, steps)
        outputs = []
        for t, step in enumerate(x.view(batch, steps, -1).unbind(1)):
            first = starts[:, t].view(1, batch, 1)
            h, c = h.masked_fill(first, 0.0), c.masked_fill(first, 0.0)
            output, (h, c) = self.rnn(step[None], (h, c))
            outputs.append(output[0])
        with torch.no_grad():
            self.states[rows] = torch.stack([h, c]).permute(2, 0, 1, 3)
        return torch.stack(outputs, dim=1).reshape(batch * steps, -1)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, "_buffers": {**state["_buffers"], "states": torch.zeros_like(self.states)}}
