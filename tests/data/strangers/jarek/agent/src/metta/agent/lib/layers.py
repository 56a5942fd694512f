"""Layers that a YAML file can name. Each writes its output into the TensorDict under its own name."""

from torch import nn


class BaseLayer(nn.Module):
    def __init__(self, name, sources=None, nn_params=None, **cfg):
        super().__init__()
        self._name = name
        self._sources = sources
        self._nn_params = nn_params or {}

    def setup(self, source_components=None):
        self._net = self._make_net()

    def _make_net(self):
        return nn.Identity()

    def forward(self, td):
        return self._forward(td)

    def _forward(self, td):
        td[self._name] = self._net(td[self._sources[0]["name"]])
        return td


class Linear(BaseLayer):
    def __init__(self, nonlinearity="nn.ReLU", clip_scale=1, **cfg):
        super().__init__(**cfg)
        self._nonlinearity = nonlinearity
        self._clip_scale = clip_scale

    def _make_net(self):
        layer = nn.LazyLinear(**self._nn_params)
        if self._nonlinearity is None:
            return layer
        return nn.Sequential(layer, getattr(nn, self._nonlinearity.removeprefix("nn."))())

    def clip_bound(self, clip_range):
        return clip_range * self._clip_scale


class Conv2d(Linear):
    def _make_net(self):
        return nn.Sequential(nn.LazyConv2d(**self._nn_params), nn.ReLU())


class Flatten(BaseLayer):
    def __init__(self, start_dim=1, **cfg):
        super().__init__(**cfg)

    def _make_net(self):
        return nn.Flatten()


class BoxShaper(BaseLayer):
    def __init__(self, obs_width, obs_height, feature_normalizations, **cfg):
        super().__init__(**cfg)
        self._shape = (max(feature_normalizations) + 1, obs_width, obs_height)

    def _forward(self, td):
        tokens = td["env_obs"].long()
        layers, width, height = self._shape
        place, attribute, value = tokens.unbind(-1)
        x, y = place >> 4, place & 15
        valid = (place != 255) & (x < width) & (y < height) & (attribute < layers)
        cells = layers * width * height
        index = ((attribute * width + x) * height + y).where(valid, tokens.new_full((), cells))
        box = value.new_zeros(tokens.shape[0], cells + 1).scatter_(1, index, value)
        td[self._name] = box[:, :-1].view(-1, *self._shape).float()
        return td
