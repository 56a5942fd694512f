from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TokenEncoder(nn.Module):
    """Embeds each token, pools over those that are no padding."""

    def __init__(self, env, width: int, embed: int = 16):
        super().__init__()
        scale = torch.ones(256)
        for feature, normalization in env.feature_normalizations.items():
            scale[feature] = max(float(normalization), 1e-6)
        self.register_buffer("scale", scale, persistent=False)
        self.place = nn.Embedding(256, embed)
        self.kind = nn.Embedding(256, embed)
        self.mix = nn.Linear(2 * embed + 1, width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        place = tokens[..., 0].long()
        kind = tokens[..., 1].long()
        amount = tokens[..., 2].float() / self.scale[kind]
        real = (place != 255).unsqueeze(-1).float()
        joint = torch.cat([self.place(place), self.kind(kind), amount.unsqueeze(-1)], dim=-1)
        mixed = F.relu(self.mix(joint)) * real
        pooled = mixed.sum(dim=-2) / real.sum(dim=-2).clamp(min=1.0)
        return F.relu(self.out(pooled))
