"""Components for agents that are described in configs/agent."""
from __future__ import annotations

import importlib

import torch
from torch import nn
import yaml

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "none": torch.nn.Identity()}


class Part(nn.Module):
    def __init__(self, name, sources=None, **cfg):
        super().__init__()
        self.name = name
        self.sources = [source["name"] for source in sources or []]


class Tokens(Part):
    def __init__(self, features=64, **cfg):
        super().__init__(**cfg)
        self.layer = nn.Linear(3, features)

    def forward(self, observations):
        return torch.relu(self.layer(observations.float() / 255.0)).mean(dim=-2)


class Dense(Part):
    def __init__(self, inputs, units, activation="relu", **cfg):
        super().__init__(**cfg)
        self.layer = nn.Linear(inputs, units)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        return self.activation(self.layer(x))


class Core(Part):
    def __init__(self, inputs, hidden_size, num_layers=2, dropout=0.0, **cfg):
        super().__init__(**cfg)
        self.net = nn.LSTM(inputs, hidden_size, num_layers)
        for weight in self.net.parameters():
            nn.init.orthogonal_(weight) if weight.dim() == 2 else nn.init.ones_(weight)

    def forward(self, x, state=None):
        return self.net(x, state)


def assemble(path):
    """The parts of a config by name."""
    with open(path) as file:
        described = yaml.safe_load(file)["components"]
    parts = nn.ModuleDict()
    for name, options in described.items():
        options = dict(options)
        module, _, cls = options.pop("_target_").rpartition(".")
        parts[name] = getattr(importlib.import_module(module), cls)(name=name, **options)
    return parts
