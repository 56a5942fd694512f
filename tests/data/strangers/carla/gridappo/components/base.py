"""Networks from YAML: named components that read each other's outputs out of a TensorDict."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn


class Component(nn.Module):
    """`sources` are the components whose outputs, side by side, are the input."""

    def __init__(self, name: str, sources: Sequence[Mapping[str, str]] | None = None) -> None:
        super().__init__()
        self.name = name
        self.inputs = [source["name"] for source in sources or ()]

    def compute(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, td: TensorDict) -> TensorDict:
        td[self.name] = self.compute(torch.cat([td[name] for name in self.inputs], dim=-1))
        return td


class ComponentGraph(nn.Module):
    def __init__(self, components: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self.components = nn.ModuleDict()
        for name, options in components.items():
            options = dict(options)
            module, _, cls = options.pop("_target_").rpartition(".")
            self.components[name] = getattr(importlib.import_module(module), cls)(name=name, **options)

    def run(self, name: str, td: TensorDict) -> TensorDict:
        component = self.components[name]
        for source in component.inputs:
            if source not in td.keys():
                self.run(source, td)
        return component(td)
