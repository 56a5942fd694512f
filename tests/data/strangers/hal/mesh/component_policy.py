"""A policy that is a graph of components, as its config says."""

from typing import NamedTuple

import torch
from hydra.utils import get_class
from tensordict import TensorDict
from torch import nn


class Fold(NamedTuple):
    rows: int
    steps: int
    acting: bool


class ComponentPolicy(nn.Module):
    def __init__(self, env, cfg):
        super().__init__()
        self.clip_range = cfg.clip_range
        self.components = nn.ModuleDict()
        self.action_index_tensor = None
        self.cum_action_max_params = None
        for name in ("_value_", "_action_"):
            self._build(name, cfg, env)
        unreached = set(cfg.components) - set(self.components)
        if unreached:
            raise RuntimeError(f"no path from the heads to {sorted(unreached)}")

    def _build(self, name, cfg, env):
        if name in self.components:
            return
        node = cfg.components[name]
        for source in node.sources or []:
            self._build(source["name"], cfg, env)
        options = {key: value for key, value in node.items() if not key.startswith("_")}
        component = get_class(node._target_)(name=name, env_info=env, clip_range=cfg.clip_range, **options)
        component.setup([self.components[source].out_shape for source in component.sources])
        self.components[name] = component

    def _run(self, name, td, fold):
        if name in td.keys():
            return
        component = self.components[name]
        for source in component.sources:
            self._run(source, td, fold)
        component.compute(td, fold)

    def activate_action_embeddings(self, full_action_names, device):
        self.components["_action_embeds_"].activate(full_action_names, device)

    def has_memory(self):
        return True

    def get_memory(self):
        memory = self.components["_core_"].memory
        return None if memory is None else memory.clone()

    def set_memory(self, memory):
        self.components["_core_"].memory = None if memory is None else memory.clone()

    def reset_memory(self):
        self.components["_core_"].reset_memory()

    def clip_weights(self):
        for component in self.components.values():
            component.clip_weights()

    def l2_init_loss(self):
        return sum(component.l2_init_loss() for component in self.components.values())

    def forward(self, td: TensorDict, state=None, action=None):
        acting = action is None
        rows, steps = (td.batch_size[0], 1) if acting else td.batch_size
        if not acting:
            td = td.reshape(rows * steps)
        ones = torch.ones(rows * steps, dtype=torch.int64, device=td["env_obs"].device)
        td["bptt"] = ones * steps
        td["batch"] = ones * rows
        fold = Fold(rows, steps, acting)
        self._run("_value_", td, fold)
        self._run("_action_", td, fold)

        log_probs = td["_action_"].log_softmax(dim=-1)
        td["full_log_probs"] = log_probs
        if acting:
            index = torch.multinomial(log_probs.exp(), 1)
            td["actions"] = self.action_index_tensor[index[:, 0]].int()
            td["act_log_prob"] = log_probs.gather(1, index)[:, 0]
            td["values"] = td["_value_"][:, 0]
            return td
        types, arguments = action.flatten(0, 1).long().unbind(-1)
        index = types + self.cum_action_max_params[types] + arguments
        td["act_log_prob"] = log_probs.gather(1, index[:, None])[:, 0]
        td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
        td["value"] = td["_value_"]
        return td.reshape(rows, steps)
