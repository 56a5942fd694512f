"""An agent whose layers are a graph from a YAML file."""
from __future__ import annotations

import importlib
from typing import Any

import torch
import torch.nn as nn
from tensordict import TensorDict
from torch import Tensor

from koen.parts import Part


def part_from(name: str, spec: dict[str, Any], actions: int) -> Part:
    options = {key: value for key, value in spec.items() if not key.startswith("_")}
    module, _, cls = spec["_target_"].rpartition(".")
    part = getattr(importlib.import_module(module), cls)(name=name, actions=actions, **options)
    if spec.get("freeze", False):
        part.requires_grad_(False)
    return part


class GraphAgent(nn.Module):
    def __init__(
        self,
        env,
        components: dict[str, dict],
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        **rest: Any,
    ) -> None:
        super().__init__()
        if rest:
            raise TypeError(f"unknown options of a graph agent: {sorted(rest)}")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        actions = sum(most + 1 for most in env.max_action_args)
        self.parts = nn.ModuleDict({name: part_from(name, spec, actions) for name, spec in components.items()})
        self._states: dict[int, tuple[Tensor, Tensor]] = {}

    # memory

    def has_memory(self) -> bool:
        return True

    def get_memory(self) -> dict[int, tuple[Tensor, Tensor]]:
        return {group: (h.clone(), c.clone()) for group, (h, c) in self._states.items()}

    def set_memory(self, memory: dict[int, tuple[Tensor, Tensor]]) -> None:
        self._states = dict(memory)

    def reset_memory(self) -> None:
        self._states = {}

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_states"] = {}
        return state

    # weights

    def clip_weights(self) -> None:
        if not self.clip_range:
            return
        for part in self.parts.values():
            for weight in part.bounded():
                weight.data.clamp_(-self.clip_range, self.clip_range)

    def l2_init_loss(self) -> Tensor | float:
        return sum(part.l2_init_loss() for part in self.parts.values())

    # actions

    def _convert_action_to_logit_index(self, action: Tensor) -> Tensor:
        flat = action.reshape(-1, 2).long()
        return flat[:, 0] + self.cum_action_max_params[flat[:, 0]] + flat[:, 1]

    def _convert_logit_index_to_action(self, index: Tensor) -> Tensor:
        return self.action_index_tensor[index]

    # forward

    def _core(self, x: Tensor, td: TensorDict, action: Tensor | None, rows: int) -> Tensor:
        sequence = x.view(rows, -1, x.shape[-1]).transpose(0, 1)
        core = self.parts["_core_"]
        if action is not None:
            return core(sequence)[0].transpose(0, 1).flatten(0, 1)
        group = td["training_env_id_start"][0].item()
        state = self._states.get(group)
        if state is not None:
            over = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
            state = (state[0].masked_fill(over, 0.0), state[1].masked_fill(over, 0.0))
        out, (h, c) = core(sequence, state)
        self._states[group] = (h.detach(), c.detach())
        return out.squeeze(0)

    @torch._dynamo.disable
    def forward(self, td: TensorDict, state=None, action: Tensor | None = None) -> TensorDict:
        rows, steps = (td.batch_size[0], 1) if action is None else td.batch_size
        if action is not None:
            td = td.reshape(rows * steps)
        observations = td["env_obs"]
        td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64, device=observations.device)
        td["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64, device=observations.device)

        known: dict[str, Tensor] = {}

        def value_of(name: str) -> Tensor:
            if name not in known:
                part = self.parts[name]
                inputs = [value_of(source) for source in part.reads] or [observations]
                known[name] = self._core(inputs[0], td, action, rows) if name == "_core_" else part(*inputs)
            return known[name]

        value = value_of("_value_").squeeze(-1)
        log_probs = value_of("_action_").log_softmax(dim=-1)
        td["full_log_probs"] = log_probs
        if action is None:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self._convert_logit_index_to_action(index[:, 0]).to(torch.int32)
            td["act_log_prob"] = log_probs.gather(-1, index)[:, 0]
            td["values"] = value
            return td
        index = self._convert_action_to_logit_index(action)
        td["act_log_prob"] = log_probs.gather(-1, index[:, None])[:, 0]
        td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)
        td["value"] = value
        return td.reshape(rows, steps)
