from torch import nn

from .part import WeightedPart


class Dense(WeightedPart):
    def __init__(self, name, nonlinearity="ReLU", dropout=0.0, **rest):
        super().__init__(name, **rest)
        self.nonlinearity = nonlinearity

    def build(self, sizes):
        out = self.nn_params["out_features"]
        layer = nn.Linear(sizes[0], out)
        nn.init.orthogonal_(layer.weight)
        nn.init.zeros_(layer.bias)
        act = [getattr(nn, self.nonlinearity)()] if self.nonlinearity else []
        self.net = nn.Sequential(layer, *act)
        self.remember()
        return out

    def forward(self, td):
        td[self.name] = self.net(td[self.sources[0]])
        return td
