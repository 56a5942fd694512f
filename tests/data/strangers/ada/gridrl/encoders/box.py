"""Tokens to a box of feature layers, and a small convolutional net over it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PADDING = 0xFF


class BoxEncoder(nn.Module):
    """[N, tokens, 3] uint8 to [N, width] float32."""

    scale: Tensor

    def __init__(self, env, channels: int, width: int) -> None:
        super().__init__()
        self.rows, self.columns = env.obs_width, env.obs_height
        self.layers = max(env.feature_normalizations) + 1
        scale = torch.ones(self.layers)
        for feature, largest in env.feature_normalizations.items():
            if largest > 0:
                scale[feature] = largest
        self.register_buffer("scale", scale.view(1, -1, 1, 1))
        self.conv1 = nn.Conv2d(self.layers, channels, 5, stride=3)
        self.conv2 = nn.Conv2d(channels, channels, 3)
        with torch.no_grad():
            size = self.conv2(self.conv1(torch.zeros(1, self.layers, self.rows, self.columns))).numel()
        self.project = nn.Linear(size, width)

    def to_box(self, tokens: Tensor) -> Tensor:
        place, feature, value = tokens.long().unbind(-1)
        x, y = place >> 4, place & 15
        inside = (place != PADDING) & (x < self.rows) & (y < self.columns) & (feature < self.layers)
        cells = self.layers * self.rows * self.columns
        index = (feature * self.rows + x) * self.columns + y
        index = torch.where(inside, index, cells)
        box = torch.zeros(tokens.shape[0], cells + 1, device=tokens.device)
        box.scatter_(1, index, value.float())
        return box[:, :cells].view(-1, self.layers, self.rows, self.columns)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.to_box(tokens) / self.scale
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        return F.relu(self.project(x.flatten(1)))


class LeakyBoxEncoder(nn.Module):
    """The first version: one flat scatter."""

    def __init__(self, env, channels: int, width: int) -> None:
        super().__init__()
        self.rows, self.columns = env.obs_width, env.obs_height
        self.layers = max(env.feature_normalizations) + 1
        self.scale = torch.tensor([float(v) for v in env.feature_normalizations.values()])
        self.conv1 = nn.Conv2d(self.layers, channels, 5, stride=3)
        self.conv2 = nn.Conv2d(channels, channels, 3)
        with torch.no_grad():
            size = self.conv2(self.conv1(torch.zeros(1, self.layers, self.rows, self.columns))).numel()
        self.project = nn.Linear(size, width)

    def to_box(self, tokens: Tensor) -> Tensor:
        place, feature, value = tokens.long().unbind(-1)
        valid = (place != PADDING) & (feature < self.layers)
        index = feature * self.rows * self.columns + (place >> 4) * self.columns + (place & 15)
        box = torch.zeros(tokens.shape[0], self.layers * self.rows * self.columns)
        box.scatter_(1, torch.where(valid, index, 0), torch.where(valid, value, 0).float())
        return box.view(-1, self.layers, self.rows, self.columns)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.to_box(tokens) / self.scale[None, :, None, None]
        x = self.conv2(self.conv1(x))
        return F.relu(self.project(x.flatten(1)))
