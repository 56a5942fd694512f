from math import prod

from torch import nn

from .base import Component, Layer


class Linear(Layer):
    def make_net(self):
        self.out_shape = [self.nn_params["out_features"]]
        return nn.Linear(self.in_shapes[0][0], **self.nn_params)


class Conv2d(Layer):
    def make_net(self):
        channels, *sides = self.in_shapes[0]
        kernel, stride = self.nn_params["kernel_size"], self.nn_params.get("stride", 1)
        self.out_shape = [self.nn_params["out_channels"], *((side - kernel) // stride + 1 for side in sides)]
        return nn.Conv2d(channels, **self.nn_params)


class Flatten(Component):
    def make_net(self):
        self.out_shape = [prod(self.in_shapes[0])]
        return nn.Flatten()
