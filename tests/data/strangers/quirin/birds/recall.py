"""What a bird remembers, as functions of a bank with one row for every environment."""

from dataclasses import dataclass
from functools import reduce
from typing import Optional, Tuple

import torch
from torch import nn

FLAGS = ("dones", "truncateds")


@dataclass
class Bank:
    parts: int
    layers: int
    width: int
    capacity: int = 4096
    cells: Optional[Tuple[torch.Tensor, ...]] = None

    def __getstate__(self):
        return {**self.__dict__, "cells": None}


def sow(core: nn.Module) -> nn.Module:
    for name, weight in core.named_parameters():
        (nn.init.ones_ if "bias" in name else nn.init.orthogonal_)(weight)
    return core


def seats(td, rows: int, device) -> torch.Tensor:
    """The bank's rows of this call, found on the device."""
    count = torch.arange(rows, device=device)
    if "training_env_id_start" not in td.keys():
        return count
    return td["training_env_id_start"].reshape(-1)[:1] + count


def borrow(bank: Bank, seat: torch.Tensor) -> Tuple[torch.Tensor, ...]:
    if bank.cells is None:
        bank.cells = tuple(
            torch.zeros(bank.layers, bank.capacity, bank.width, device=seat.device) for _ in range(bank.parts)
        )
    return tuple(cell.index_select(1, seat) for cell in bank.cells)


def give_back(bank: Bank, seat: torch.Tensor, state: Tuple[torch.Tensor, ...]) -> None:
    for cell, new in zip(bank.cells, state):
        cell.index_copy_(1, seat, new.detach())


def copies(bank: Bank):
    return None if bank.cells is None else tuple(cell.clone() for cell in bank.cells)


def fresh(td, rows: int, steps: int) -> Optional[torch.Tensor]:
    """[steps, rows]: where an observation is the first of its episode."""
    flags = [td[key].bool() for key in FLAGS if key in td.keys()]
    return reduce(torch.logical_or, flags).reshape(rows, steps).t() if flags else None


def unroll(core: nn.Module, x: torch.Tensor, state, first: Optional[torch.Tensor]):
    """x: [steps, rows, width]. Returns [rows * steps, width] and the last state, a tuple."""
    said = []
    for step in range(x.shape[0]):
        if first is not None:
            state = tuple(part.masked_fill(first[step].view(1, -1, 1), 0) for part in state)
        out, state = core(x[step : step + 1], state if len(state) == 2 else state[0])
        state = state if isinstance(state, tuple) else (state,)
        said.append(out)
    return torch.cat(said).transpose(0, 1).flatten(0, 1), state
