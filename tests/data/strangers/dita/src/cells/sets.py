"""Encoders that take an observation for a set of tokens."""

import torch
from torch import nn


class DeepSet(nn.Module):
    """phi of each token, the mean of those that are used, rho of the mean."""

    def __init__(self, env, width):
        super().__init__()
        norm = torch.ones(256)
        for feature, largest in env.feature_normalizations.items():
            norm[feature] = max(float(largest), 1.0)
        self.register_buffer("norm", norm, persistent=False)
        self.attribute = nn.Embedding(256, width // 2, padding_idx=255)
        self.x = nn.Embedding(16, width // 4)
        self.y = nn.Embedding(16, width // 4)
        with torch.no_grad():
            self.attribute.weight.normal_(std=0.05)
            self.attribute.weight[255] = 0.0
        self.phi = nn.Sequential(nn.Linear(width + 1, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.rho = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.GELU())

    def forward(self, tokens):
        place, attribute, value = tokens.long().unbind(-1)
        used = (place != 255).unsqueeze(-1)
        parts = [
            self.attribute(attribute),
            self.x(place >> 4),
            self.y(place & 15),
            (value / self.norm[attribute]).unsqueeze(-1),
        ]
        z = self.phi(torch.cat(parts, dim=-1)) * used
        return self.rho(z.sum(dim=-2) / used.sum(dim=-2).clamp(min=1))


class MeanSet(nn.Module):
    """Like DeepSet, by the mean alone, and without embeddings."""

    def __init__(self, width):
        super().__init__()
        self.phi = nn.Linear(3, width)
        self.rho = nn.Linear(width, width)

    def forward(self, tokens):
        tokens = tokens.float()
        tokens = tokens / tokens.max()
        return torch.relu(self.rho(self.phi(tokens).mean(dim=-2)))
