"""Blocks of the feed-forward agents that configs/agent describes."""

from torch import nn


class Block(nn.Module):
    def __init__(self, name, sources=None, **options):
        super().__init__()
        self.name = name
        self.sources = sources
        self.units = options.pop("units", None)
        if options:
            raise ValueError(f"{name}: {sorted(options)}")

    def read(self, td):
        return td[self.sources[0]["name"]]


class Tokens(Block):
    def __init__(self, scale=255.0, **options):
        super().__init__(**options)
        self._scale = scale

    def _forward(self, td):
        td[self.name] = td["env_obs"].float() / self._scale
        return td


class Pool(Block):
    def __init__(self, mode="mean", **options):
        super().__init__(**options)
        self.mode = mode

    def _forward(self, td):
        td[self.name] = getattr(self.read(td), self.mode)(dim=1)
        return td


class Dense(Block):
    def __init__(self, activation="ReLU", use_bias=True, **options):
        super().__init__(**options)
        net = [nn.LazyLinear(self.units, bias=use_bias)]
        if activation:
            net.append(getattr(nn, activation)())
        self.net = nn.Sequential(*net)

    def _forward(self, td):
        td[self.name] = self.net(self.read(td))
        return td
