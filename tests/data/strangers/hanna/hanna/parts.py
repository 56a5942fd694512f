"""What YAML files may name."""

import torch
from torch import nn

from .traits import core

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "none": nn.Identity}


class Part(nn.Module):
    def __init__(self, env, sources=None, **_):
        super().__init__()
        self.reads = [source["name"] for source in sources or ()]


class Tokens(Part):
    def __init__(self, env, units=128, embed=24, **options):
        super().__init__(env, **options)
        self.kind, self.spot = nn.Embedding(256, embed), nn.Embedding(256, embed)
        norms = torch.ones(256)
        for feature, norm in env.feature_normalizations.items():
            norms[feature] = norm
        self.register_buffer("norms", norms, persistent=False)
        self.lift = nn.Linear(embed + 1, units)

    def forward(self, observations):
        spots, kinds, amounts = observations.long().unbind(-1)
        amounts = (amounts / self.norms[kinds]).unsqueeze(-1)
        x = torch.cat([self.kind(kinds) + self.spot(spots), amounts], -1)
        return (torch.relu(self.lift(x)) * (spots != 255).unsqueeze(-1)).amax(1)


class Dense(Part):
    def __init__(self, env, inputs, units, activation="relu", gain=1.0, **options):
        super().__init__(env, **options)
        self.linear = nn.Linear(inputs, units)
        nn.init.orthogonal_(self.linear.weight, gain)
        nn.init.zeros_(self.linear.bias)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, *inputs):
        return self.activation(self.linear(torch.cat(inputs, dim=-1)))


class Core(Part):
    def __init__(self, env, inputs, hidden_size=128, num_layers=2, dropout=0.0, **options):
        super().__init__(env, **options)
        self.lstm = core(inputs, hidden_size, num_layers)


class Scores(Part):
    def __init__(self, env, inputs, embed=16, rows=128, **options):
        super().__init__(env, **options)
        width = options.get("table_width", embed)
        self.query = nn.Linear(inputs, width)
        self.table = nn.Embedding(rows, width)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight.mul_(0.1 / self.table.weight.abs().max())

    def forward(self, x):
        return torch.tanh(self.query(x)) @ self.table.weight.T
