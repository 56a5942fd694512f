"""Behaviour that agents are mixed from. Each mixin owns its buffers and nothing else."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor, nn


class Shape(NamedTuple):
    rows: int
    steps: int

    @property
    def flat(self) -> int:
        return self.rows * self.steps


class StampMixin:
    @staticmethod
    def flatten(td: TensorDictBase) -> tuple[TensorDictBase, Shape]:
        shape = Shape(*td.batch_size) if td.batch_dims == 2 else Shape(td.batch_size[0], 1)
        return td.reshape(shape.flat) if td.batch_dims == 2 else td, shape

    @staticmethod
    def stamp(td: TensorDictBase, *, shape: Shape, device: torch.device) -> None:
        for key, count in (("bptt", shape.steps), ("batch", shape.rows)):
            td.set(key, torch.full((shape.flat,), count, dtype=torch.int64, device=device))


class ClipMixin:
    clip_range: float

    def _clipped_weights(self):
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                yield module.weight

    @torch.no_grad()
    def clip_weights(self) -> None:
        if self.clip_range > 0:
            torch._foreach_clamp_min_(list(self._clipped_weights()), -self.clip_range)
            torch._foreach_clamp_max_(list(self._clipped_weights()), self.clip_range)


class ActionTableMixin:
    action_table: Tensor
    action_offset: Tensor

    def _register_actions(self, max_action_args: list[int]) -> int:
        sizes = torch.tensor(max_action_args) + 1
        ends = sizes.cumsum(0)
        pairs = [[kind, arg] for kind, size in enumerate(sizes.tolist()) for arg in range(size)]
        self.register_buffer("action_table", torch.tensor(pairs, dtype=torch.int32), persistent=False)
        self.register_buffer("action_offset", ends - sizes, persistent=False)
        return len(pairs)

    def to_index(self, action: Tensor) -> Tensor:
        kind, arg = action.long().unbind(-1)
        return self.action_offset[kind] + arg

    def to_action(self, index: Tensor) -> Tensor:
        return self.action_table[index]


class MemoryMixin:
    """State per environment; `parts` is 2 for an LSTM and 1 for a GRU."""

    memory: Tensor

    def _register_memory(self, parts: int, layers: int, width: int, environments: int) -> None:
        self.register_buffer("memory", torch.zeros(parts, layers, environments, width), persistent=False)

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor:
        return self.memory.detach().clone()

    def set_memory(self, memory: Tensor) -> None:
        self.memory.copy_(memory)

    def reset_memory(self) -> None:
        self.memory.zero_()

    def reset_env_memory(self, env_id: int) -> None:
        self.memory[:, :, env_id].zero_()

    def __getstate__(self) -> dict[str, Any]:
        state = copy.copy(self.__dict__)
        state["_buffers"] = {**self._buffers, "memory": torch.zeros_like(self.memory)}
        return state

    def _environments(self, td: TensorDictBase, shape: Shape) -> Tensor:
        offset = torch.arange(shape.rows, device=self.memory.device)
        start = td.get("training_env_id_start", default=None)
        return offset if start is None else offset + start.view(-1)[: shape.rows]

    def _begins(self, td: TensorDictBase, shape: Shape) -> Tensor:
        """bool [rows, steps]"""
        begins = torch.zeros(shape.flat, dtype=torch.bool, device=self.memory.device)
        for key in ("dones", "truncateds"):
            begins = begins | td.get(key, default=begins).to(torch.bool).view(-1)
        return begins.view(shape)


class ExperienceMixin:
    observation_shape: tuple[int, ...]

    def get_agent_experience_spec(self):
        from torchrl.data import Composite, UnboundedContinuous, UnboundedDiscrete

        flags = {key: UnboundedContinuous(shape=(), dtype=torch.float32) for key in ("dones", "truncateds")}
        return Composite(env_obs=UnboundedDiscrete(shape=self.observation_shape, dtype=torch.uint8), **flags)


def select_observations(td: TensorDict) -> Tensor:
    return td.get("env_obs")
