import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, name=None, sources=None, l2_init_scale=1, **cfg):
        super().__init__()
        self.name = name
        self.l2_init_scale = l2_init_scale
        self.initial = None

    def setup(self, width):
        self.net = nn.Linear(width, width)
        self.initial = self.net.weight.data.clone()

    def l2_init_loss(self):
        return ((self.net.weight - self.initial) ** 2).sum() * self.l2_init_scale


class Linear(Layer):
    pass
