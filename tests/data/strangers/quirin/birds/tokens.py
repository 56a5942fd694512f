"""Observation tokens: (coordinate byte, attribute, value), 255 in the coordinate byte where there is none."""

from typing import NamedTuple

import torch

EMPTY = 255


class Geometry(NamedTuple):
    layers: int
    width: int
    height: int


def geometry(env) -> Geometry:
    return Geometry(max(env.feature_normalizations) + 1, env.obs_width, env.obs_height)


def scales(env, entries: int) -> torch.Tensor:
    table = torch.ones(entries)
    for feature, largest in env.feature_normalizations.items():
        if feature < entries and largest > 0:
            table[feature] = largest
    return table


def parts(tokens: torch.Tensor):
    coords, attributes, values = (column.squeeze(-1) for column in tokens.split(1, dim=-1))
    coords = coords.long()
    return coords, coords >> 4, coords & 15, attributes.long(), values.float()


def paint(tokens: torch.Tensor, geo: Geometry) -> torch.Tensor:
    """Tokens [N, M, 3] onto a box [N, layers, width, height]. What has no cell goes to one more cell, which is cut off."""
    coords, x, y, attributes, values = parts(tokens)
    cells = geo.layers * geo.width * geo.height
    inside = (coords != EMPTY) & (x < geo.width) & (y < geo.height) & (attributes < geo.layers)
    place = torch.where(inside, (attributes * geo.width + x) * geo.height + y, cells)
    canvas = torch.zeros(tokens.shape[0], cells + 1, device=tokens.device)
    return canvas.scatter_(1, place, values)[:, :cells].reshape(-1, *geo)


def waves(byte: torch.Tensor, octaves: int) -> torch.Tensor:
    """Cosines and sines of a coordinate, [..., 2 * octaves]."""
    frequencies = 2.0 ** torch.arange(octaves, device=byte.device)
    angle = (byte.float() / 15 * 2 - 1).unsqueeze(-1) * frequencies
    return torch.cat([angle.cos(), angle.sin()], dim=-1)
