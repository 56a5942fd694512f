from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Callable, Iterator

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn


@dataclass(frozen=True)
class Rows:
    """A TensorDict as forward works on it: `count` environments, `steps` steps of each, flattened."""

    flat: TensorDictBase
    count: int
    steps: int

    @classmethod
    def of(cls, td: TensorDictBase) -> Rows:
        match tuple(td.batch_size):
            case (count,):
                return cls(td, count, 1)
            case (count, steps):
                return cls(td.reshape(count * steps), count, steps)
        raise ValueError(f"neither a rollout nor training: {td.batch_size}")

    @property
    def device(self) -> torch.device:
        return self.flat["env_obs"].device

    def stamp(self) -> Rows:
        ones = torch.ones(self.count * self.steps, dtype=torch.int64, device=self.device)
        self.flat.update({"bptt": ones * self.steps, "batch": ones * self.count})
        return self

    def restored(self) -> TensorDictBase:
        return self.flat.reshape(self.count, self.steps)

    def by_step(self, x: Tensor) -> Tensor:
        return x.reshape(self.count, self.steps, *x.shape[1:]).transpose(0, 1)

    def by_row(self, steps: list[Tensor]) -> Tensor:
        return torch.stack(steps, dim=1).flatten(0, 1)

    def fresh(self) -> Tensor:
        """[steps, 1, count, 1]: where an episode starts."""
        never = torch.zeros(self.count * self.steps, dtype=torch.bool, device=self.device)
        over = self.flat.get("dones", never).bool() | self.flat.get("truncateds", never).bool()
        return self.by_step(over)[:, None, :, None]

    def places(self) -> Tensor:
        never = torch.zeros(1, dtype=torch.int64, device=self.device)
        first = self.flat.get("training_env_id_start", never)[:1]
        return first + torch.arange(self.count, device=self.device)


State = tuple[Tensor, Tensor]


class StateBook:
    """A page for every environment. Copies and pickles of a book are empty."""

    def __init__(self, layers: int, width: int, capacity: int = 4096) -> None:
        self.layers, self.width, self.capacity = layers, width, capacity
        self.pages: State | None = None

    def __reduce__(self):
        return type(self), (self.layers, self.width, self.capacity)

    def read(self, places: Tensor) -> State:
        if self.pages is None:
            shape = (self.layers, self.capacity, self.width)
            self.pages = torch.zeros(shape, device=places.device), torch.zeros(shape, device=places.device)
        h, c = self.pages
        return h[:, places], c[:, places]

    @torch.no_grad()
    def write(self, places: Tensor, state: State) -> None:
        for page, new in zip(self.pages, state):
            page[:, places] = new.detach()

    def clear(self) -> None:
        self.pages = None

    def snapshot(self) -> State | None:
        return self.pages and (self.pages[0].clone(), self.pages[1].clone())

    def restore(self, pages: State | None) -> None:
        self.pages = pages and (pages[0].clone(), pages[1].clone())


def walk(core: nn.LSTM, steps: Tensor, fresh: Tensor, state: State) -> Iterator[tuple[Tensor, State]]:
    """Steps [T, B, width] one at a time; yields what the core says and its state."""
    for x, over in zip(steps, fresh):
        h, c = (part.masked_fill(over.squeeze(0), 0.0) for part in state)
        said, state = core(x.unsqueeze(0), (h, c))
        yield said.squeeze(0), state


Body = Callable[[nn.Module, Rows, Tensor | None], None]


def on_rows(body: Body):
    """Makes a forward of a method that only knows rows."""

    @functools.wraps(body)
    def forward(self: nn.Module, td: TensorDictBase, state=None, action: Tensor | None = None) -> TensorDictBase:
        rows = Rows.of(td).stamp()
        body(self, rows, action)
        return td if action is None else rows.restored()

    return forward
