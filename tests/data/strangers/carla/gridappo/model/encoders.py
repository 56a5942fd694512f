"""Encoders: bytes [N, M, 3] -> features [N, out_size]."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PAD = 0xFF


class TokenEncoder(nn.Module):
    """Every token is embedded, padding is masked out of the attention, one learnt query reads the rest."""

    def __init__(self, env, out_size: int, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.place = nn.Embedding(256, width)
        self.feature = nn.Embedding(256, width, padding_idx=PAD)
        nn.init.trunc_normal_(self.feature.weight, std=0.02)
        with torch.no_grad():
            self.feature.weight[PAD] = 0.0
        factors = torch.ones(256)
        for feature, factor in env.feature_normalizations.items():
            factors[feature] = factor if factor > 0 else 1.0
        self.register_buffer("factors", factors)
        self.query = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.scale = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, out_size)

    def forward(self, tokens: Tensor) -> Tensor:
        place, feature = tokens[..., 0].long(), tokens[..., 1].long()
        padding = place == PAD
        # Some simulators write 255 as a value where they mean nothing; places and padding are not touched.
        value = tokens[..., 2].float().masked_fill(tokens[..., 2] == PAD, 0.0) / self.factors[feature]
        x = self.place(place) + self.feature(feature) + value.unsqueeze(-1) * self.scale
        # A row without any token would make the softmax nan: its first token, all padding, stays visible.
        empty = padding.all(dim=1, keepdim=True)
        hidden = padding & ~(empty & (torch.arange(place.shape[1], device=place.device) == 0))
        read, _ = self.attention(
            self.query.expand(tokens.shape[0], -1, -1), x, x, key_padding_mask=hidden, need_weights=False
        )
        return torch.nn.functional.elu(self.out(self.norm(read.squeeze(1))))
