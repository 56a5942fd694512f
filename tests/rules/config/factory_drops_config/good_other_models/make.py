from torch import nn


class Head(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Linear(width, 1)

    def forward(self, x):
        return self.net(x)


def make(cfg):
    return Head(cfg.width)
