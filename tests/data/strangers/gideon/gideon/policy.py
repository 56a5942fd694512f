"""The policy that runs a graph."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from .lib.base import Call, Component


def locate(target: str) -> type[Component]:
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


class GraphPolicy(nn.Module):
    def __init__(
        self,
        env: Any,
        components: dict[str, dict],
        observations: dict | None = None,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
        **unknown: Any,
    ):
        super().__init__()
        if unknown:
            raise ValueError(f"unknown entries in the agent's config: {sorted(unknown)}")
        if (observations or {}).get("obs_key", "grid_obs") != "grid_obs":
            raise ValueError("only grid_obs is supported")
        self.clip_range = clip_range
        self.analyze_weights_interval = analyze_weights_interval
        self.components = nn.ModuleDict()
        for name, entry in components.items():
            options = {key: value for key, value in entry.items() if key != "_target_"}
            self.components[name] = locate(entry["_target_"])(name=name, env=env, clip_range=clip_range, **options)
        shapes: dict[str, tuple[int, ...]] = {}
        for head in ("_value_", "_action_"):
            self._setup(head, shapes)
        if idle := set(self.components) - set(shapes):
            raise RuntimeError(f"components that nothing reads: {sorted(idle)}")

    def _setup(self, name: str, shapes: dict) -> tuple[int, ...]:
        if name not in shapes:
            component = self.components[name]
            shapes[name] = component.setup(*(self._setup(source, shapes) for source in component.source_names))
        return shapes[name]

    def _compute(self, name: str, call: Call, known: dict):
        if name not in known:
            component = self.components[name]
            known[name] = component(call, *(self._compute(source, call, known) for source in component.source_names))
        return known[name]

    def forward(self, td, state=None, action=None):
        training = action is not None
        batch, steps = td.batch_size if training else (td.batch_size[0], 1)
        flat = td.reshape(batch * steps) if training else td
        device = flat["env_obs"].device
        flat["bptt"] = torch.full((batch * steps,), steps, dtype=torch.int64, device=device)
        flat["batch"] = torch.full((batch * steps,), batch, dtype=torch.int64, device=device)

        call, known = Call(flat, batch, steps, training), {}
        value = self._compute("_value_", call, known).squeeze(-1)
        log_probs = torch.log_softmax(self._compute("_action_", call, known), dim=-1)
        if training:
            index = self._convert_action_to_logit_index(action.reshape(batch * steps, 2))
            flat["entropy"] = -(log_probs * log_probs.exp()).sum(-1)
            flat["value"] = value
        else:
            index = torch.multinomial(log_probs.exp(), 1).view(-1)
            flat["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
            flat["values"] = value
        flat["act_log_prob"] = log_probs.gather(1, index.view(-1, 1)).view(-1)
        flat["full_log_probs"] = log_probs
        return flat.reshape(batch, steps) if training else flat

    def _convert_action_to_logit_index(self, action):
        kind, argument = action[:, 0].long(), action[:, 1].long()
        return kind + self.cum_action_max_params[kind] + argument

    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]

    def activate_action_embeddings(self, names, device):
        self.components["_action_embeds_"].activate(names, device)

    @property
    def core(self):
        return self.components["_core_"]

    def has_memory(self):
        return True

    def get_memory(self):
        return {"_core_": self.core.kept.clone()}

    def set_memory(self, memory):
        self.core.kept.copy_(memory["_core_"])

    def reset_memory(self):
        self.core.kept.zero_()

    def clip_weights(self):
        if self.clip_range > 0:
            for component in self.components.values():
                component.clip_weights()

    def l2_init_loss(self):
        return sum(component.l2_init_loss() for component in self.components.values())
