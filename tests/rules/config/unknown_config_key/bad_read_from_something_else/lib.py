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
