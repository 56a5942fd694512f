from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from gridappo.components.base import Component

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "none": nn.Identity}


class Tokens(Component):
    """Embeds what the simulator says. Has no sources; reads the observation itself."""

    def __init__(self, obs_key: str, width: int = 32, **common) -> None:
        super().__init__(**common)
        self.obs_key = obs_key
        self.place = nn.Embedding(256, width)
        self.feature = nn.Embedding(256, width)

    def forward(self, td: TensorDict) -> TensorDict:
        tokens = td[self.obs_key].long()
        present = (tokens[..., :1] != 255).float()
        x = self.place(tokens[..., 0]) + self.feature(tokens[..., 1]) * tokens[..., 2:] / 255.0
        td[self.name] = (x * present).sum(dim=-2)
        return td


class Dense(Component):
    def __init__(
        self, in_features: int, out_features: int, activation: str = "relu", gain: float = 1.0, **common
    ) -> None:
        super().__init__(**common)
        self.linear = nn.Linear(in_features, out_features)
        nn.init.orthogonal_(self.linear.weight, gain)
        nn.init.zeros_(self.linear.bias)
        self.activation = ACTIVATIONS[activation]()

    def compute(self, x: Tensor) -> Tensor:
        return self.activation(self.linear(x))


class Residual(Component):
    """x + f(x). `dropout` came with the first version."""

    def __init__(self, features: int, expand: int = 2, dropout: float = 0.0, **common) -> None:
        super().__init__(**common)
        self.norm = nn.LayerNorm(features)
        self.up = nn.Linear(features, expand * features)
        self.down = nn.Linear(expand * features, features)

    def compute(self, x: Tensor) -> Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))


class Core(Component):
    """Without time: `seconds` of history are in the observation already."""

    def __init__(self, features: int, layers: int = 1, temperature: float = 1.0, **common) -> None:
        super().__init__(**common)
        self._temperature = temperature
        self.cells = nn.ModuleList(nn.GRUCell(features, features) for _ in range(layers))

    def compute(self, x: Tensor) -> Tensor:
        for cell in self.cells:
            x = cell(x, torch.zeros_like(x))
        return x


class Scores(Component):
    def __init__(self, in_features: int, actions: int, width: int = 16, **common) -> None:
        super().__init__(**common)
        self.query = nn.Linear(in_features, width)
        self.embeddings = nn.Parameter(torch.empty(actions, width))
        nn.init.orthogonal_(self.embeddings)
        self.embeddings.data.mul_(0.1 / self.embeddings.data.abs().max())

    def compute(self, x: Tensor) -> Tensor:
        return torch.tanh(self.query(x)) @ self.embeddings.T
