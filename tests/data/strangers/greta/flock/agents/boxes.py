"""Observation tokens as a picture."""

import torch


def tokens_to_box(tokens: torch.Tensor, layers: int, width: int, height: int) -> torch.Tensor:
    """[rows, tokens, 3] bytes to [rows, layers, width, height] floats."""
    coords, attributes, values = tokens.unbind(-1)
    x = (coords >> 4).long()
    y = (coords & 0x0F).long()
    layer = attributes.long()
    real = (coords != 0xFF) & (layer < layers) & (x < width) & (y < height)

    cells = layers * width * height
    # one cell more than the picture has: where padding goes
    place = torch.where(real, (layer * width + x) * height + y, cells)
    box = torch.zeros(tokens.shape[0], cells + 1, device=tokens.device)
    box.scatter_(1, place, values.float())
    return box[:, :cells].view(-1, layers, width, height)


def normaliser(env) -> torch.Tensor:
    """[1, layers, 1, 1]: what the environment says each feature is divided by."""
    layers = max(env.feature_normalizations) + 1
    scale = torch.ones(layers)
    for feature, norm in env.feature_normalizations.items():
        if norm > 0:
            scale[feature] = norm
    return scale.view(1, layers, 1, 1)
