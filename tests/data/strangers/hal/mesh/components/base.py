import torch
from torch import nn


class Component(nn.Module):
    """A node of the graph: computes `td[name]` from its sources, once for each TensorDict."""

    def __init__(
        self, name, sources=None, nn_params=None, obs_key="env_obs", env_info=None, clip_range=0.0, **_
    ):
        super().__init__()
        self.name = name
        self.sources = [source["name"] for source in sources or []]
        self.nn_params = dict(nn_params or {})
        self.obs_key = obs_key
        self.env_info = env_info
        self.clip_range = clip_range
        self.net = None
        self.out_shape = None

    def setup(self, shapes):
        """shapes: those of the sources, without the batch."""
        self.in_shapes = shapes
        self.net = self.make_net()

    def make_net(self):
        return None

    def compute(self, td, fold):
        td[self.name] = self.net(td[self.sources[0]])
        return td

    def clip_weights(self):
        pass

    def l2_init_loss(self):
        return 0.0


class Layer(Component):
    """A component with weights of its own."""

    def __init__(self, nonlinearity="nn.ReLU", clip_scale=1.0, l2_init_scale=1.0, effective_rank=None, **cfg):
        super().__init__(**cfg)
        self.nonlinearity = nonlinearity
        self.clip_scale = clip_scale
        self.l2_init_scale = l2_init_scale

    def setup(self, shapes):
        super().setup(shapes)
        gain = 2**0.5 if self.nonlinearity == "nn.Tanh" else 1.0
        nn.init.orthogonal_(self.net.weight, gain)
        nn.init.zeros_(self.net.bias)
        self.bound = self.clip_range * self.clip_scale * self.net.weight.abs().max().item()
        self.register_buffer("initial", self.net.weight.detach().clone(), persistent=False)
        self.activation = (
            getattr(nn, self.nonlinearity.split(".")[1])() if self.nonlinearity else nn.Identity()
        )

    def compute(self, td, fold):
        td[self.name] = self.activation(self.net(td[self.sources[0]]))
        return td

    @torch.no_grad()
    def clip_weights(self):
        if self.bound > 0:
            self.net.weight.clamp_(-self.bound, self.bound)

    def l2_init_loss(self):
        return self.l2_init_scale * (self.net.weight - self.initial).square().sum()
