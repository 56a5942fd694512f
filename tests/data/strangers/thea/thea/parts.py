"""What agent configs are made of. A part gets its sources' outputs and says one tensor."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from torch import Tensor, nn

from thea.contract import Contract, Environment
from thea.encoders import PADDING, TokenBox
from thea.rows import Rows, State, StateBook, walk


class Part(nn.Module):
    def __init__(self, name: str, sources: Sequence[Mapping[str, str]] | None = None, **rest: Any) -> None:
        super().__init__()
        self.name = name
        self.sources = [source["name"] for source in sources or ()]

    def setup(self, env: Environment, widths: list[int]) -> int:
        """Makes the layers for inputs of these widths, and says how wide the output is."""
        raise NotImplementedError

    def l2_init_loss(self) -> Tensor | None:
        return None


class Grid(Part):
    """The box of the tokens, convolved twice."""

    def __init__(self, channels: int = 64, **rest: Any) -> None:
        super().__init__(**rest)
        self.channels = channels

    def setup(self, env: Environment, widths: list[int]) -> int:
        self.box = TokenBox(env)
        self.coarse = nn.Conv2d(self.box.features, self.channels, 5, stride=3)
        self.fine = nn.Conv2d(self.channels, self.channels, 3)
        return self.channels * ((self.box.width - 5) // 3 - 1) * ((self.box.height - 5) // 3 - 1)

    def forward(self, rows: Rows) -> Tensor:
        x = torch.relu(self.coarse(self.box(rows.flat["env_obs"])))
        return torch.relu(self.fine(x)).flatten(1)


class TokenSum(Part):
    """The sum of what the tokens are."""

    def __init__(self, width: int = 64, octaves: int = 4, **rest: Any) -> None:
        super().__init__(**rest)
        self.width = width

    def setup(self, env: Environment, widths: list[int]) -> int:
        self.what, self.where = nn.Embedding(256, self.width), nn.Embedding(256, self.width)
        return self.width

    def forward(self, rows: Rows) -> Tensor:
        where, what, amount = rows.flat["env_obs"].unbind(-1)
        token = torch.relu(self.what(what.long()) + self.where(where.long())) * (1.0 + amount.float().log1p().unsqueeze(-1))
        return (token * (where != PADDING).unsqueeze(-1)).sum(1)


class Linear(Part):
    def __init__(self, size: int, nonlinearity: str | None = "nn.ReLU", l2_init_scale: float = 1.0, **rest: Any) -> None:
        super().__init__(**rest)
        self.size, self.l2_init_scale = size, l2_init_scale
        self.bend = nn.Identity() if nonlinearity is None else getattr(nn, nonlinearity.removeprefix("nn."))()

    def setup(self, env: Environment, widths: list[int]) -> int:
        self.layer = nn.Linear(sum(widths), self.size)
        nn.init.orthogonal_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)
        self.start = self.layer.weight.detach().clone()
        return self.size

    def forward(self, rows: Rows, *inputs: Tensor) -> Tensor:
        return self.bend(self.layer(torch.cat(inputs, dim=-1)))

    def l2_init_loss(self) -> Tensor:
        return self.l2_init_scale * (self.layer.weight - self.start.to(self.layer.weight.device)).square().sum()


class StiffLinear(Linear):
    """Linear whose distance counts only beyond a tolerance."""

    def __init__(self, size: int, tolerance: float = 0.01, **rest: Any) -> None:
        super().__init__(size, **rest)
        self.tolerance = tolerance

    def l2_init_loss(self) -> Tensor:
        distance = (self.layer.weight.detach() - self.start.to(self.layer.weight.device)).abs()
        return self.l2_init_scale * (distance - self.tolerance).clamp(min=0.0).square().sum()


class Core(Part):
    def __init__(self, hidden_size: int, num_layers: int = 2, **rest: Any) -> None:
        super().__init__(**rest)
        self.hidden_size, self.num_layers = hidden_size, num_layers

    def setup(self, env: Environment, widths: list[int]) -> int:
        self.lstm = nn.LSTM(sum(widths), self.hidden_size, self.num_layers)
        Contract.prepare(self.lstm)
        self.book = StateBook(self.num_layers, self.hidden_size)
        return self.hidden_size

    def forward(self, rows: Rows, *inputs: Tensor) -> Tensor:
        places = rows.places()
        state: State = self.book.read(places)
        said: list[Tensor] = []
        for out, state in walk(self.lstm, rows.by_step(torch.cat(inputs, dim=-1)), rows.fresh(), state):
            said.append(out)
        self.book.write(places, state)
        return rows.by_row(said)


class Scores(Part):
    """A logit for each joint action, by its embedding."""

    def __init__(self, embedding_dim: int = 16, capacity: int = 100, **rest: Any) -> None:
        super().__init__(**rest)
        self.embedding_dim, self.capacity = embedding_dim, capacity

    def setup(self, env: Environment, widths: list[int]) -> int:
        self.query = nn.Linear(sum(widths), self.embedding_dim)
        self.table = nn.Embedding(self.capacity, self.embedding_dim)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight.mul_(0.1 / self.table.weight.abs().max())
        self.count = sum(most + 1 for most in env.max_action_args)
        return self.count

    def forward(self, rows: Rows, *inputs: Tensor) -> Tensor:
        return torch.tanh(self.query(torch.cat(inputs, dim=-1))) @ self.table.weight[: self.count].T
