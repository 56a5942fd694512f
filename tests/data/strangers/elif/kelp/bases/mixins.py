"""One concern each. Every mixin expects nn.Module further down the line."""

from __future__ import annotations

from typing import NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class LSTMState(NamedTuple):
    h: Tensor
    c: Tensor

    def cleared(self, over: Tensor) -> LSTMState:
        """The same state with zeros in the rows that are over (bool [B])."""
        keep = (~over).view(1, -1, 1).to(self.h.dtype)
        return LSTMState(self.h * keep, self.c * keep)


class ClipMixin:
    clip_range: float

    @torch.no_grad()
    def clip_weights(self) -> None:
        limit = self.clip_range
        if limit <= 0:
            return
        for module in self.modules():
            match module:
                case nn.Linear() | nn.Conv2d():
                    module.weight.clamp_(-limit, limit)
                case _:
                    continue


class L2InitMixin:
    """Draws the weights back to where they were when `remember_weights` was called."""

    def remember_weights(self) -> None:
        for name, module in self._weighted():
            module.register_buffer("initial_weight", module.weight.detach().clone(), persistent=False)

    def l2_init_loss(self) -> Tensor:
        terms = [(m.weight - m.initial_weight).square().sum() for _, m in self._weighted()]
        return torch.stack(terms).sum()

    def _weighted(self):
        return [(name, m) for name, m in self.named_modules() if isinstance(m, nn.Linear)]


class JointActionMixin:
    """(type, argument) <-> joint index, from the tables that the agent puts here."""

    action_index_tensor: Tensor
    cum_action_max_params: Tensor

    def joint_index(self, action: Tensor) -> Tensor:
        kind, argument = action.reshape(-1, 2).long().unbind(dim=1)
        return kind + self.cum_action_max_params[kind] + argument

    def pair(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index].to(torch.int32)


class SlotMemoryMixin:
    """States in two tables with a row for each environment."""

    def make_slots(self, layers: int, width: int, slots: int) -> None:
        self.register_buffer("slots_h", torch.zeros(layers, slots, width), persistent=False)
        self.register_buffer("slots_c", torch.zeros(layers, slots, width), persistent=False)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> LSTMState:
        return LSTMState(self.slots_h.clone(), self.slots_c.clone())

    def set_memory(self, memory: LSTMState) -> None:
        self.slots_h.copy_(memory.h)
        self.slots_c.copy_(memory.c)

    def reset_memory(self) -> None:
        self.slots_h.zero_()
        self.slots_c.zero_()

    def recall(self, td: TensorDict) -> LSTMState:
        at = self._slots_of(td)
        return LSTMState(self.slots_h.index_select(1, at), self.slots_c.index_select(1, at))

    def keep(self, td: TensorDict, state: LSTMState) -> None:
        at = self._slots_of(td)
        self.slots_h.index_copy_(1, at, state.h.detach())
        self.slots_c.index_copy_(1, at, state.c.detach())

    def _slots_of(self, td: TensorDict) -> Tensor:
        offsets = torch.arange(td.batch_size[0], device=self.slots_h.device)
        first = td.get("training_env_id_start", None)
        return offsets if first is None else first.view(-1).long() + offsets

    def __getstate__(self) -> dict:
        kept = dict(self.__dict__)
        kept["_buffers"] = {
            name: torch.zeros_like(value) if name.startswith("slots_") else value
            for name, value in self._buffers.items()
        }
        return kept
