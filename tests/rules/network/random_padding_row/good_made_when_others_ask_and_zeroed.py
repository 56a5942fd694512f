import torch
import torch.nn as nn
from tensordict import TensorDict


class Component(nn.Module):
    """A node of a net that a config puts together: the builder calls `setup` once the inputs are known."""

    def __init__(self, width, ready=False):
        super().__init__()
        self._width, self._ready = width, ready

    def setup(self, sources=None):
        if self._ready:
            return
        self._make_net()
        self._ready = True

    def _make_net(self):
        pass


class Tokens(Component):
    def forward(self, td: TensorDict):
        td["tokens"] = td["env_obs"].flatten(0, -3)
        return td


class Kinds(Component):
    def _make_net(self):
        self._places = nn.Embedding(256, self._width)
        nn.init.uniform_(self._places.weight, -0.1, 0.1)
        self._kinds = nn.Embedding(256, self._width, padding_idx=255)
        nn.init.uniform_(self._kinds.weight, -0.1, 0.1)
        with torch.no_grad():
            self._kinds.weight[255] = 0

    def forward(self, td: TensorDict):
        tokens = td["tokens"].long()
        td["kinds"] = self._kinds(tokens[..., 1]) + self._places(tokens[..., 0])
        return td
