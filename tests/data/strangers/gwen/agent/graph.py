"""A policy that is a graph of components, as a YAML file draws it."""
from __future__ import annotations

import importlib
from typing import Any

import torch
import torch.nn as nn
from tensordict import TensorDict

from .lib import Frame, Weighted


class GraphPolicy(nn.Module):
    def __init__(self, env: Any, components: dict[str, dict], clip_range: float = 0.0,
                 analyze_weights_interval: int = 300):
        super().__init__()
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.components = nn.ModuleDict()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._drawn = components
        for head in ("_value_", "_action_"):
            self._add(head, env)
        unread = set(components) - set(self.shapes)
        if unread:
            raise RuntimeError(f"nothing reads {sorted(unread)}")
        self.order = list(self.shapes)

    def _add(self, name: str, env: Any) -> None:
        if name in self.shapes:
            return
        options = dict(self._drawn[name])
        for source in options.get("sources") or []:
            self._add(source["name"], env)
        module, _, kind = options.pop("_target_").rpartition(".")
        cls = getattr(importlib.import_module(module), kind)
        part = cls(name=name, env=env, clip_range=self.clip_range, **options)
        self.shapes[name] = part.setup([self.shapes[source] for source in part.sources])
        self.components[name] = part

    @property
    def core(self):
        return self.components["_core_"]

    def has_memory(self) -> bool:
        return True

    def get_memory(self):
        return self.core.snapshot()

    def set_memory(self, memory) -> None:
        self.core.restore(memory)

    def reset_memory(self) -> None:
        self.core.reset()

    def _weighted(self):
        return (part for part in self.components.values() if isinstance(part, Weighted))

    def clip_weights(self) -> None:
        if self.clip_range > 0:
            for part in self._weighted():
                part.clip_weights()

    def l2_init_loss(self) -> torch.Tensor:
        return sum(part.l2_init_loss() for part in self._weighted())

    def _convert_action_to_logit_index(self, pairs: torch.Tensor) -> torch.Tensor:
        kinds, arguments = pairs.flatten(0, -2).long().unbind(-1)
        return arguments + kinds + self.cum_action_max_params[kinds]

    def _convert_logit_index_to_action(self, index: torch.Tensor) -> torch.Tensor:
        return self.action_index_tensor[index]

    def forward(self, td: TensorDict, state=None, action: torch.Tensor | None = None) -> TensorDict:
        given = td
        if td.batch_dims == 2:
            frame = Frame(*td.batch_size, acting=action is None)
            td = td.reshape(-1)
        else:
            frame = Frame(td.batch_size[0], 1, acting=action is None)
        count, device = frame.rows * frame.steps, td["env_obs"].device
        td["bptt"] = torch.full((count,), frame.steps, dtype=torch.int64, device=device)
        td["batch"] = torch.full((count,), frame.rows, dtype=torch.int64, device=device)

        inner = td.copy()
        for name in self.order:
            self.components[name].run(inner, frame)

        log_probs = inner["_action_"].log_softmax(-1)
        value = inner["_value_"].squeeze(-1)
        td["full_log_probs"] = log_probs
        if frame.acting:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index.squeeze(-1)).int()
            td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
            td["values"] = value
            return td
        index = self._convert_action_to_logit_index(action).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index).squeeze(-1)
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = value
        return td.reshape(given.batch_size)
