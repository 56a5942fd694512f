"""What a graph is made of. An agent config names these under `_target_`."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from terns.parts.eyes import TokenEyes


class Block(nn.Module):
    """Reads the outputs of its sources, and is read by name."""

    def __init__(self, *, sources: Sequence[dict] | None = None, nn_params: dict | None = None) -> None:
        super().__init__()
        self.source_names = [source["name"] for source in sources or ()]
        self.nn_params = dict(nn_params or {})


class Tokens(Block):
    def __init__(self, *, out_dim: int, sources=None, nn_params=None) -> None:
        super().__init__(sources=sources, nn_params=nn_params)
        self.eyes = TokenEyes(out_dim)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.eyes(tokens)


class Dense(Block):
    def __init__(
        self, *, in_dim: int, activation: str | None = "relu", rank: int | None = None, sources=None, nn_params=None
    ) -> None:
        super().__init__(sources=sources, nn_params=nn_params)
        self.linear = nn.Linear(in_dim, self.nn_params["out_features"])
        self.activation = getattr(torch, activation) if activation else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        return x if self.activation is None else self.activation(x)


class Core(Block):
    def __init__(self, *, in_dim: int, sources=None, nn_params=None) -> None:
        super().__init__(sources=sources, nn_params=nn_params)
        self.lstm = nn.LSTM(in_dim, self.nn_params["hidden_size"], self.nn_params["num_layers"])
        for name, weight in self.lstm.named_parameters():
            nn.init.ones_(weight) if "bias" in name else nn.init.orthogonal_(weight)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return self.lstm(x, state)


class ActionTable(Block):
    def __init__(self, *, scale: float = 0.1, sources=None, nn_params=None) -> None:
        super().__init__(sources=sources, nn_params=nn_params)
        self.table = nn.Embedding(self.nn_params["num_embeddings"], self.nn_params["embedding_dim"])
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight.mul_(scale / self.table.weight.abs().max())

    def forward(self, rows: Tensor) -> Tensor:
        return self.table(rows)


class Scores(Block):
    def __init__(self, *, in_dim: int, width: int = 16, sources=None, nn_params=None) -> None:
        super().__init__(sources=sources, nn_params=nn_params)
        self.query = nn.Linear(in_dim, width)

    def forward(self, features: Tensor, actions: Tensor) -> Tensor:
        return F.tanh(self.query(features)) @ actions.mT
