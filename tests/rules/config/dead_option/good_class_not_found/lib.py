from torch import nn


class Layer(nn.Module):
    def __init__(self, name=None, sources=None, nn_params=None, **cfg):
        super().__init__()
        if name is None and "name" in cfg:
            name = cfg.pop("name")
        self._name = name
        self._sources = sources
        self._nn_params = nn_params or {}


class Box(Layer):
    pass


class Linear(Layer):
    def __init__(self, nonlinearity="nn.ReLU", clip_scale=1, **cfg):
        self.nonlinearity = nonlinearity
        self.clip_scale = clip_scale
        super().__init__(**cfg)


class LSTM(Layer):
    def __init__(self, obs_shape, hidden_size, **cfg):
        super().__init__(**cfg)
        self.obs_shape = obs_shape
        self.hidden_size = hidden_size


class Actor(Layer):
    def __init__(self, hidden_dim=512, heads=4, _mode=None, **cfg):
        super().__init__(**cfg)
        self._hidden_dim = hidden_dim
        self._heads = heads
        self.net = nn.Linear(512, heads)

    def describe(self):
        return "hidden_dim is not read here"
