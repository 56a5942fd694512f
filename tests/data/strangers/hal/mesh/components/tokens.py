import torch

from .base import Component


class BoxShaper(Component):
    def setup(self, shapes):
        self.layers = max(self.env_info.feature_normalizations) + 1
        self.width, self.height = self.env_info.obs_width, self.env_info.obs_height
        self.out_shape = [self.layers, self.width, self.height]

    def compute(self, td, fold):
        tokens = td[self.obs_key]
        place, layer, amount = tokens[..., 0].int(), tokens[..., 1].long(), tokens[..., 2].float()
        x, y = torch.div(place, 16, rounding_mode="floor").long(), (place % 16).long()
        ok = (place < 255) & (layer < self.layers) & (x < self.width) & (y < self.height)
        size = self.layers * self.width * self.height
        index = ((layer * self.width + x) * self.height + y).masked_fill(~ok, size)
        flat = amount.new_zeros(tokens.shape[0], size + 1).scatter_(1, index, amount)
        td[self.name] = flat[:, :-1].unflatten(1, self.out_shape)
        return td


class Normalizer(Component):
    def setup(self, shapes):
        self.out_shape = shapes[0]
        scale = torch.ones(self.out_shape[0])
        for feature, norm in self.env_info.feature_normalizations.items():
            scale[feature] = max(norm, 1.0)
        self.register_buffer("scale", scale.view(-1, 1, 1))

    def compute(self, td, fold):
        td[self.name] = td[self.sources[0]] / self.scale
        return td
