from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from boxrunner.world import World, split


class ConvTrunk(nn.Module):
    def __init__(self, channels: int, width: int, height: int, out_features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * ((width + 1) // 2) * ((height + 1) // 2), out_features),
            nn.ReLU(),
        )

    def forward(self, box: Tensor) -> Tensor:
        return self.layers(box)


class SpareCellEncoder(nn.Module):
    """Whatever does not belong into the box goes to one place behind its end."""

    def __init__(self, world: World, out_features: int = 128) -> None:
        super().__init__()
        self.world = world
        self.out_features = out_features
        self.size = world.features * world.cells
        self.register_buffer("norms", world.scale().view(1, -1, 1, 1), persistent=False)
        self.trunk = ConvTrunk(world.features, world.width, world.height, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        world = self.world
        place, x, y, attribute, value = split(tokens)
        fits = (place != 255) & (x < world.width) & (y < world.height) & (attribute < world.features)
        index = attribute * world.cells + x * world.height + y
        index = torch.where(fits, index, torch.full_like(index, self.size))
        box = value.new_zeros(tokens.shape[0], self.size + 1).scatter_(1, index, value)
        box = box[:, :-1].view(-1, world.features, world.width, world.height)
        return self.trunk(box / self.norms)


class SummingEncoder(nn.Module):
    """Tokens of one feature in one cell add up; what is no token adds nothing."""

    def __init__(self, world: World, out_features: int = 128) -> None:
        super().__init__()
        self.world = world
        self.out_features = out_features
        self.register_buffer("inverse", world.scale().reciprocal(), persistent=False)
        self.trunk = ConvTrunk(world.features, world.width, world.height, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        world = self.world
        place, x, y, attribute, value = split(tokens)
        real = place.ne(255) & x.lt(world.width) & y.lt(world.height) & attribute.lt(world.features)
        nothing = torch.zeros_like(place)
        attribute = torch.where(real, attribute, nothing)
        index = torch.where(real, attribute * world.cells + x * world.height + y, nothing)
        value = torch.where(real, value * self.inverse[attribute], torch.zeros_like(value))
        box = value.new_zeros(tokens.shape[0], world.features * world.cells)
        box.scatter_add_(1, index, value)
        return self.trunk(box.view(-1, world.features, world.width, world.height))


class NibbleEncoder(nn.Module):
    """A box of as many columns and rows as a half byte counts; one more layer takes what has none."""

    SIDE = 16

    def __init__(self, world: World, out_features: int = 128) -> None:
        super().__init__()
        self.features = world.features
        self.out_features = out_features
        self.register_buffer("norms", world.scale().view(1, -1, 1, 1), persistent=False)
        self.trunk = ConvTrunk(world.features, self.SIDE, self.SIDE, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        place, x, y, attribute, value = split(tokens)
        layer = attribute.clamp(max=self.features)
        layer = layer.masked_fill(place == 255, self.features)
        box = value.new_zeros(tokens.shape[0], self.features + 1, self.SIDE, self.SIDE)
        row = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1)
        box[row, layer, x, y] = value
        return self.trunk(box[:, : self.features] / self.norms)


class LookupEncoder(nn.Module):
    """Both bytes are looked up in tables of 256 entries, which know what is out of range."""

    def __init__(self, world: World, out_features: int = 128) -> None:
        super().__init__()
        self.world = world
        self.out_features = out_features
        cell = torch.full((256,), world.cells, dtype=torch.int64)
        for byte in range(255):
            x, y = divmod(byte, 16)
            if x < world.width and y < world.height:
                cell[byte] = x * world.height + y
        layer = torch.full((256,), world.features, dtype=torch.int64)
        layer[: world.features] = torch.arange(world.features)
        self.register_buffer("cell", cell, persistent=False)
        self.register_buffer("layer", layer, persistent=False)
        self.register_buffer("norms", world.scale().view(1, -1, 1, 1), persistent=False)
        self.trunk = ConvTrunk(world.features, world.width, world.height, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        world = self.world
        bytes_ = tokens.long()
        cell = self.cell[bytes_[..., 0]]
        layer = self.layer[bytes_[..., 1]]
        stride = world.cells + 1
        box = torch.zeros(tokens.shape[0], (world.features + 1) * stride, device=tokens.device)
        box.scatter_(1, layer * stride + cell, bytes_[..., 2].float())
        box = box.view(-1, world.features + 1, stride)[:, : world.features, : world.cells]
        return self.trunk(box.reshape(-1, world.features, world.width, world.height) / self.norms)


class GridEncoder(nn.Module):
    """Strided convolutions over the scattered tokens."""

    def __init__(self, world: World, out_features: int = 128) -> None:
        super().__init__()
        self.world = world
        self.out_features = out_features
        self.register_buffer("norms", world.scale().view(1, -1, 1, 1), persistent=False)
        self.cnn1 = nn.Conv2d(world.features, 64, 5, stride=3)
        self.cnn2 = nn.Conv2d(64, 64, 3)
        with torch.no_grad():
            probe = torch.zeros(1, world.features, world.width, world.height)
            flat = self.cnn2(self.cnn1(probe)).numel()
        self.fc = nn.Linear(flat, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        world = self.world
        place, x, y, attribute, value = split(tokens)
        valid = (place != 255) & (attribute < world.features)
        index = attribute * world.cells + x * world.height + y
        index = torch.where(valid, index, torch.zeros_like(index))
        value = torch.where(valid, value, torch.zeros_like(value))
        box = torch.zeros(tokens.shape[0], world.features * world.cells, device=tokens.device)
        box.scatter_(1, index, value)
        box = box.view(-1, world.features, world.width, world.height) / self.norms
        planes = F.relu(self.cnn2(self.cnn1(box)))
        return F.relu(self.fc(planes.flatten(1)))


class ClassicEncoder(nn.Module):
    """The encoder of the first runs, kept for their checkpoints."""

    def __init__(self, out_features: int = 128) -> None:
        super().__init__()
        self.out_features = out_features
        self.ranges = torch.tensor(
            [9.0, 1.0, 1.0, 10.0, 3.0, 254.0, 1.0, 1.0, 235.0, 8.0, 9.0, 250.0, 29.0, 1.0, 1.0, 8.0, 1.0, 1.0, 6.0, 3.0]
        )
        self.trunk = ConvTrunk(20, 11, 11, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens[tokens == 255] = 0
        place, x, y, attribute, value = split(tokens)
        inside = (place != 255) & (x < 11) & (y < 11) & (attribute < 20)
        row = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1).expand_as(place)
        box = torch.zeros(tokens.shape[0], 20, 11, 11, device=tokens.device)
        box[row[inside], attribute[inside], x[inside], y[inside]] = value[inside]
        return self.trunk(box / self.ranges.view(1, -1, 1, 1))
