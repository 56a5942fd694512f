"""A recurrent core that remembers every environment by its number."""
from typing import Dict

import torch
from torch import nn


class StatefulLSTM(nn.Module):
    STATES = ("h", "c")

    def __init__(self, features: int, width: int, layers: int, max_envs: int):
        super().__init__()
        self.lstm = nn.LSTM(features, width, layers)
        self.reset_parameters()
        for name in self.STATES:
            self.register_buffer(name, torch.zeros(layers, max_envs, width), persistent=False)

    def reset_parameters(self) -> None:
        for name, parameter in self.lstm.named_parameters():
            if parameter.dim() > 1:
                nn.init.orthogonal_(parameter, gain=1.0)
            else:
                parameter.data.fill_(1.0)

    def forward(self, x: torch.Tensor, keep: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """x [T, B, n], keep [T, B] (0 where an episode has just begun), ids [B]."""
        h, c = (getattr(self, name).index_select(1, ids) for name in self.STATES)
        outputs = []
        for x_t, keep_t in zip(x.split(1), keep.unsqueeze(-1).unsqueeze(1)):
            out, (h, c) = self.lstm(x_t, (h * keep_t, c * keep_t))
            outputs.append(out)
        self.h.index_copy_(1, ids, h.detach())
        self.c.index_copy_(1, ids, c.detach())
        return torch.cat(outputs)

    def snapshot(self) -> Dict[str, torch.Tensor]:
        return {name: getattr(self, name).clone() for name in self.STATES}

    def restore(self, states: Dict[str, torch.Tensor]) -> None:
        for name, state in states.items():
            getattr(self, name).copy_(state)

    def clear(self) -> None:
        for name in self.STATES:
            getattr(self, name).zero_()

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_buffers"] = {
            name: torch.zeros_like(buffer) if name in self.STATES else buffer
            for name, buffer in self._buffers.items()
        }
        return state
