from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BoxEncoder(nn.Module):
    def __init__(self, env, width: int) -> None:
        super().__init__()
        self.features = max(env.feature_normalizations) + 1
        self.columns, self.lines = env.obs_width, env.obs_height
        scale = torch.ones(self.features)
        for feature, normalization in env.feature_normalizations.items():
            scale[feature] = normalization or 1.0
        self.register_buffer("scale", scale.view(1, -1, 1, 1))
        self.conv1 = nn.Conv2d(self.features, 64, 5, 3)
        self.conv2 = nn.Conv2d(64, 64, 3)
        with torch.no_grad():
            flat = self.conv2(self.conv1(torch.zeros(1, self.features, self.columns, self.lines))).numel()
        self.project = nn.Linear(flat, width)

    def box(self, tokens: Tensor) -> Tensor:
        place, feature, value = tokens.unbind(-1)
        x, y = (place >> 4).long(), (place & 15).long()
        feature = feature.long()
        known = (place != 255) & (feature < self.features) & (x < self.columns) & (y < self.lines)
        cells = self.features * self.columns * self.lines
        flat = (feature * self.columns + x) * self.lines + y
        flat = torch.where(known, flat, cells)
        box = torch.zeros(tokens.shape[0], cells + 1, device=tokens.device)
        box.scatter_(1, flat, value.float())
        return box[:, :cells].view(-1, self.features, self.columns, self.lines)

    def forward(self, tokens: Tensor) -> Tensor:
        x = F.relu(self.conv1(self.box(tokens) / self.scale))
        x = F.relu(self.conv2(x)).flatten(1)
        return F.relu(self.project(x))


class SetEncoder(nn.Module):
    """Mean over the tokens that are not padding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.place = nn.Embedding(256, 16)
        self.feature = nn.Embedding(256, 16)
        self.mix = nn.Sequential(nn.Linear(33, width), nn.GELU(), nn.Linear(width, width), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        place, feature, value = tokens.unbind(-1)
        used = (place != 255).unsqueeze(-1)
        x = torch.cat(
            [self.place(place.long()), self.feature(feature.long()), value.float().unsqueeze(-1) / 255], dim=-1
        )
        x = self.mix(x) * used
        return x.sum(1) / used.sum(1).clamp(min=1)


class DraftEncoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = torch.tensor([1.0, 1.0, 1.0 / 255.0])
        self.first = nn.Linear(600, 256)
        self.drop = nn.Dropout(0.1)
        self.second = nn.Linear(256, width)

    def forward(self, tokens: Tensor) -> Tensor:
        copy = tokens.clone()
        copy[..., 2] = copy[..., 2] / 10
        x = (copy.float() * self.scale).flatten(1)
        return torch.relu(self.second(self.drop(self.first(x))))
