"""Components that agent.yaml puts together; each reads what its sources have written to the TensorDict."""

import torch
import torch.nn as nn


class Component(nn.Module):
    def __init__(self, name, sources=None, nn_params=None):
        super().__init__()
        self.name = name
        self.sources = [source["name"] for source in sources or ()]
        self.nn_params = dict(nn_params or {})

    def inputs(self, td):
        return torch.cat([td[name] for name in self.sources], dim=-1)


class Tokens(Component):
    def __init__(self, scale=255.0, **options):
        super().__init__(**options)
        self._scale = scale

    def forward(self, td):
        td[self.name] = td["env_obs"].flatten(1).float() / self._scale
        return td


class Dense(Component):
    def __init__(self, width, slope=0.0, **options):
        super().__init__(**options)
        self.layer = nn.LazyLinear(width)
        self._slope = slope

    def forward(self, td):
        td[self.name] = nn.functional.leaky_relu(self.layer(self.inputs(td)), self._slope)
        return td


class Core(Component):
    def __init__(self, depth=2, **options):
        super().__init__(**options)
        self.lstm = nn.LSTM(num_layers=depth, **self.nn_params)

    def forward(self, td):
        td[self.name] = self.lstm(self.inputs(td).unsqueeze(0))[0].squeeze(0)
        return td


class Head(Dense):
    def __init__(self, temperature=1.0, **options):
        super().__init__(**options)
        self._temperature = temperature

    def forward(self, td):
        td[self.name] = self.layer(self.inputs(td)) / self._temperature
        return td
