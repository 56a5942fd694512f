"""Ablations of the encoder."""

import torch
import torch.nn as nn
from einops import rearrange

from ..agent import GridMemoryAgent


class NormedAgent(GridMemoryAgent):
    """A perceptron over the box with normalised layers, and a factorised last one."""

    def __init__(self, env, *, rank=24, **options):
        self.rank = rank
        super().__init__(env, **options)

    def make_trunk(self):
        size = self.features * self.width * self.height
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(size, 256),
            nn.LayerNorm(256),
            nn.GELU(),
            # A product of two thin matrices in the place of a wide one.
            nn.Linear(256, self.rank, bias=False),
            nn.Linear(self.rank, self.hidden_size),
            nn.GELU(),
        )

    def encode(self, tokens):
        tokens = tokens.clone()
        padding = tokens[..., 0] == 255
        # The copy may be written to: nobody reads the attribute of padding below.
        tokens[padding] = 0
        x, y = (tokens[..., 0] >> 4).long(), (tokens[..., 0] & 15).long()
        attribute, value = tokens[..., 1].long(), tokens[..., 2].float()
        inside = ~padding & (x < self.width) & (y < self.height) & (attribute < self.features)
        place = (attribute * self.width + x) * self.height + y
        box = value.new_zeros(tokens.shape[0], self.features * self.width * self.height)
        # Added, so that what is rejected adds 0 to the first place.
        box.scatter_add_(1, place * inside, value * inside)
        box = rearrange(box, "n (a x y) -> n a x y", a=self.features, x=self.width)
        return self.trunk(box / self.norms)


class CountedAgent(GridMemoryAgent):
    """How far does one get with counts of tokens per cell, in the sizes of the first paper?"""

    def __init__(self, env, hidden_size=128, residual=True):
        super().__init__(env, hidden_size=hidden_size, residual=residual)
        self.max_vec = torch.tensor(
            [9.0, 1.0, 1.0, 10.0, 3.0, 254.0, 1.0, 1.0, 235.0, 8.0, 9.0, 250.0, 29.0, 1.0, 1.0, 8.0]
        ).view(1, 16, 1, 1)

    def make_trunk(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(16 * 11 * 11, self.hidden_size), nn.ReLU())

    def encode(self, tokens):
        n = tokens.shape[0]
        place, attribute, value = tokens[..., 0].long(), tokens[..., 1].long(), tokens[..., 2].float()
        real = (place != 255) & (attribute < 16)
        if not real.any():
            return self.trunk(torch.zeros(n, 16, 11, 11))
        row = torch.arange(n).unsqueeze(1).expand_as(place)
        box = value.new_zeros(n, 16, 11, 11)
        box[row[real], attribute[real], place[real] >> 4, place[real] & 15] = value[real]
        return self.trunk(box / self.max_vec)

    def clip_weights(self):
        for weight in self.parameters():
            torch.clamp(weight.data, -self.clip_range, self.clip_range)
