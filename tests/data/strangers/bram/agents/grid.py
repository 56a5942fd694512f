import torch
from torch import nn

from agents.base import RecurrentBase


class BoxEncoder(nn.Module):
    def __init__(self, env, width, channels=32):
        super().__init__()
        self.columns, self.rows = env.obs_width, env.obs_height
        self.layers = max(env.feature_normalizations) + 1
        norm = torch.ones(1, self.layers, 1, 1)
        for feature, most in env.feature_normalizations.items():
            norm[0, feature] = most if most > 0 else 1.0
        self.register_buffer("norm", norm)
        self.near = nn.Conv2d(self.layers, channels, 3, stride=2)
        self.far = nn.Conv2d(channels, channels, 3)
        side = lambda size: (size - 3) // 2 + 1 - 2
        self.flat = nn.Linear(channels * side(self.columns) * side(self.rows), width)

    def forward(self, tokens):
        count = tokens.shape[0]
        byte, layer = tokens[..., 0].long(), tokens[..., 1].long()
        x, y = byte >> 4, byte & 15
        known = (byte != 255) & (x < self.columns) & (y < self.rows) & (layer < self.layers)
        spare = self.layers * self.columns * self.rows
        index = torch.where(known, (layer * self.columns + x) * self.rows + y, spare)
        box = torch.zeros(count, spare + 1, device=tokens.device)
        box.scatter_(1, index, tokens[..., 2].float())
        box = box[:, :spare].reshape(count, self.layers, self.columns, self.rows) / self.norm
        hidden = torch.relu(self.far(torch.relu(self.near(box))))
        return torch.relu(self.flat(hidden.flatten(1)))


class GridAgent(RecurrentBase):
    def build_encoder(self, env, width):
        return BoxEncoder(env, width)
