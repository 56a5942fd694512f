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
        self.initial = self.net.weight.detach().clone()

    def l2_init_loss(self):  # expect: PF305
        with torch.no_grad():
            return ((self.net.weight - self.initial) ** 2).sum()


class Linear(Layer):
    pass
