from torch import nn


class Shaper(nn.Module):
    def __init__(self, name, width, height):
        super().__init__()
        self.name = name
        self.width = width
        self.height = height

    def forward(self, td):
        td[self.name] = td["env_obs"].view(-1, self.height, self.width)
        return td
