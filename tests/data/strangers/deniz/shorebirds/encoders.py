from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .shapes import PADDING, EnvShape


class BoxEncoder(nn.Module):
    """[N, M, 3] byte tokens -> [N, out] features, by way of an image."""

    def __init__(self, shape: EnvShape, out: int) -> None:
        super().__init__()
        self.shape = shape
        self.conv = nn.Conv2d(shape.channels, 64, 3, padding=1)
        self.mix = nn.Conv2d(64, 32, 3, padding=1)
        self.project = nn.Linear(32 * shape.width * shape.height, out)
        self.register_buffer("scale", torch.tensor(shape.scales).view(1, -1, 1, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        image = self._image(tokens) / self.scale
        image = F.relu(self.mix(F.relu(self.conv(image))))
        return F.relu(self.project(image.flatten(1)))

    def _image(self, tokens: Tensor) -> Tensor:
        place, attribute, value = tokens.unbind(-1)
        x, y = (place >> 4).long(), (place & 0x0F).long()
        s = self.shape
        kept = (place != PADDING) & (x < s.width) & (y < s.height) & (attribute < s.channels)
        image = torch.zeros(tokens.shape[0], s.channels, s.width, s.height, device=tokens.device)
        row = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1).expand_as(kept)
        image[row[kept], attribute.long()[kept], x[kept], y[kept]] = value.float()[kept]
        return image


class TokenEncoder(nn.Module):
    """[N, M, 3] byte tokens -> [N, out]: the mean over what the kept tokens say."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.attribute = nn.Embedding(256, out, padding_idx=PADDING)
        self.place = nn.Embedding(256, out)
        self.value = nn.Linear(1, out)

    def forward(self, tokens: Tensor) -> Tensor:
        values = tokens[..., 2:].float()
        values /= 255.0  # a copy since .float(): the bytes stay as they are
        kept = (tokens[..., 0] != PADDING).unsqueeze(-1)
        said = self.attribute(tokens[..., 1].long()) + self.place(tokens[..., 0].long()) + self.value(values)
        said = F.gelu(said) * kept
        return said.sum(1) / kept.sum(1).clamp(min=1)
