from typing import Any

import torch
from tensordict import TensorDict
from torch import nn

from griddy.lib.layer import Layer


class ActionTable(Layer):
    """Embeddings of actions, by row."""

    def __init__(self, largest: float = 0.1, **cfg: Any):
        super().__init__(**cfg)
        self.largest = largest

    def setup(self, shapes):
        self.table = nn.Embedding(**self.nn_params)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight.mul_(self.largest / self.table.weight.abs().max())
        self.shape = (self.nn_params["num_embeddings"], self.nn_params["embedding_dim"])

    def run(self, td: TensorDict) -> torch.Tensor:
        return self.table.weight.expand(td.batch_size[0], -1, -1)


class Scores(Layer):
    def __init__(self, hidden_dim: int = 64, temperature: float = 1.0, **cfg: Any):
        super().__init__(**cfg)
        self.temperature = temperature

    def setup(self, shapes):
        (features,), (actions, width) = shapes
        self.query = nn.Linear(features, width)
        self.shape = (actions,)

    def run(self, td: TensorDict) -> torch.Tensor:
        features, table = (td[name] for name in self.source_names)
        query = torch.tanh(self.query(features))
        return torch.einsum("ne,nae->na", query, table) / self.temperature
