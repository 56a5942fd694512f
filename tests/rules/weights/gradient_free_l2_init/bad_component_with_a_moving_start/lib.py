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

    def l2_init_loss(self):  # expect: PF305
        return ((self.net.weight.data - self.initial) ** 2).sum() * self.l2_init_scale

    def move_the_start(self, alpha=0.9):
        if self.initial is not None:
            self.initial = (self.initial * alpha + self.net.weight.data * (1 - alpha)).clone()


class Linear(Layer):
    pass
