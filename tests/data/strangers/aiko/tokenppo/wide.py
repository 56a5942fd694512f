"""A wide MLP with Fourier features of the coordinates. Quick experiment of May, kept for the plots."""

import torch
import torch.nn as nn

from .agent import Agent
from .common import layer_init


class WideNet(nn.Module):
    def __init__(self, out_features, width=1024, bands=4):
        super().__init__()
        self.bands = 2.0 ** torch.arange(bands)
        self.attr = nn.Embedding(256, 16)
        self.up = layer_init(nn.Linear(16 + 4 * bands + 1, width))
        self.down = layer_init(nn.Linear(width, out_features))

    def waves(self, z):
        angles = z.unsqueeze(-1) * self.bands
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def forward(self, tokens):
        coords, values = tokens[..., 0], tokens[..., 2].float()
        seen = (coords != 255).unsqueeze(-1)
        values = values / values.max().clamp(min=1.0)
        x, y = (coords >> 4) / 15.0, (coords & 15) / 15.0
        token = torch.cat(
            [self.attr(tokens[..., 1].int()), self.waves(x), self.waves(y), values.unsqueeze(-1)], dim=-1
        )
        # [R, M, F] -> mean over the tokens that are there
        out = self.down(self.up(token))
        return torch.relu((out * seen).sum(1) / seen.sum(1).clamp(min=1))


class WideAgent(Agent):
    def __init__(self, env, hidden_size=128, num_layers=2, width=1024, clip_range=0.0, **kwargs):
        self.width = width
        super().__init__(env, hidden_size=hidden_size, num_layers=num_layers, **kwargs)

    def make_encoder(self, env, hidden_size):
        return WideNet(hidden_size, width=self.width)

    @torch.no_grad()
    def clip_weights(self):
        # the encoder explodes without this
        for p in self.parameters():
            p.clamp_(-0.5, 0.5)
