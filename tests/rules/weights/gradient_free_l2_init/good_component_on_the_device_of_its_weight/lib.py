from torch import nn


class Layer(nn.Module):
    def __init__(self, name=None, sources=None, l2_init_scale=1.0, **cfg):
        super().__init__()
        self.l2_init_scale = l2_init_scale

    def settle(self, layer):
        self.net = layer
        self.register_buffer("initial", layer.weight.detach().clone(), persistent=False)

    def l2_init_loss(self):
        weight = self.net.weight
        return self.l2_init_scale * (weight - self.initial.to(weight.device)).square().sum()


class Linear(Layer):
    def setup(self, width):
        self.settle(nn.Linear(width, width))
