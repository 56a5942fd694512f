from typing import Any

import torch
from tensordict import TensorDict
from torch import nn

from griddy.lib.layer import Layer


class Recurrence(Layer):
    """An LSTM with the state of each environment, as rows of one tensor."""

    def __init__(self, environments: int = 4096, **cfg: Any):
        super().__init__(**cfg)
        self.environments = environments
        self.memory = None
        self.steps = 1  # of a row; the graph says it before each run

    def setup(self, shapes):
        size, depth = self.nn_params["hidden_size"], self.nn_params.get("num_layers", 1)
        self.layer = nn.LSTM(shapes[0][0], size, depth)
        for name, weight in self.layer.named_parameters():
            nn.init.constant_(weight, 1.0) if "bias" in name else nn.init.orthogonal_(weight)
        self.shape = (size,)

    def __getstate__(self):
        return {**self.__dict__, "memory": None}

    def has_memory(self):
        return True

    def get_memory(self):
        return None if self.memory is None else self.memory.clone()

    def set_memory(self, memory):
        self.memory = memory

    def reset_memory(self):
        self.memory = None

    def run(self, td: TensorDict) -> torch.Tensor:
        x = td[self.source_names[0]]
        return self._single(td, x) if self.steps == 1 else self._sequence(x)

    def _single(self, td, x):
        if self.memory is None:
            shape = (2, self.layer.num_layers, self.environments, self.layer.hidden_size)
            self.memory = torch.zeros(shape, device=x.device)
        rows = td["training_env_id_start"] + torch.arange(len(x), device=x.device)
        ended = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
        h, c = (part[:, rows].masked_fill(ended, 0.0) for part in self.memory)
        out, (h, c) = self.layer(x.unsqueeze(0), (h, c))
        self.memory[0][:, rows], self.memory[1][:, rows] = h.detach(), c.detach()
        return out[0]

    def _sequence(self, x):
        x = x.unflatten(0, (-1, self.steps)).transpose(0, 1)
        return self.layer(x)[0].transpose(0, 1).flatten(0, 1)
