"""Everything that is the same for all herbs."""

from __future__ import annotations

import typing as tp

import torch
from tensordict import TensorDict
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor]


class ConfigMixin:
    def __init__(self, *args, clip_range: float = 0.0, analyze_weights_interval: int = 300, **kwargs):
        super().__init__(*args, **kwargs)
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval


class ClipMixin:
    def clip_weights(self):
        limit = self.clip_range
        if limit <= 0:
            return
        with torch.no_grad():
            torch._foreach_clamp_max_([p for p in self.clipped()], limit)
            torch._foreach_clamp_min_([p for p in self.clipped()], -limit)

    def clipped(self) -> tp.Iterator[nn.Parameter]:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                yield module.weight


class StampMixin:
    @staticmethod
    def stamped(td: TensorDict) -> tuple[TensorDict, int, int]:
        """The flattened TensorDict, B and T."""
        if td.batch_dims == 1:
            b, t = td.batch_size[0], 1
        else:
            b, t = td.batch_size
            td = td.reshape(b * t)
        ones = torch.ones(b * t, dtype=torch.int64, device=td["env_obs"].device)
        td["bptt"], td["batch"] = ones * t, ones * b
        return td, b, t


class MemoryMixin:
    state: Tensor

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> Tensor:
        return self.state.detach().clone()

    def set_memory(self, memory: Tensor) -> None:
        self.state.copy_(memory)

    def reset_memory(self) -> None:
        self.state.zero_()

    def __getstate__(self):
        kept = dict(self.__dict__, _buffers=dict(self._buffers))
        kept["_buffers"]["state"] = torch.zeros_like(self.state)
        return kept

    def lanes(self, td: TensorDict) -> Tensor:
        lanes = torch.arange(td.batch_size[0], device=td["env_obs"].device)
        if "training_env_id_start" in td.keys():
            lanes = lanes + td["training_env_id_start"][0]
        return lanes

    def fresh(self, td: TensorDict, h: Tensor) -> Tensor:
        """Zeros in the rows of h [L, B, H] whose episode is over."""
        flags = [td[k].view(-1).bool() for k in ("dones", "truncateds") if k in td.keys()]
        for flag in flags:
            h = h.masked_fill(flag.view(1, -1, 1), 0.0)
        return h


class HeadMixin:
    def choose(self, log_probs: Tensor) -> Pair:
        index = torch.distributions.Categorical(logits=log_probs).sample()
        return index, log_probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def joint(self, action: Tensor) -> Tensor:
        kind, argument = action.flatten(0, -2).long().unbind(-1)
        return kind + argument + self.cum_action_max_params[kind]
