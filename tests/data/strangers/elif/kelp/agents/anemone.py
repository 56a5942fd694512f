from __future__ import annotations

import torch
from torch import Tensor, nn

from .heads import SeeingBase


class Tentacles(nn.Module):
    """A learnt query that attends to the tokens; padding is out of its sight."""

    def __init__(self, out: int, heads: int = 4) -> None:
        super().__init__()
        self.kinds = nn.Embedding(256, out - 3)
        self.norm = nn.LayerNorm(out)
        self.query = nn.Parameter(torch.randn(1, 1, out) * 0.02)
        self.attend = nn.MultiheadAttention(out, heads, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden_away = tokens[..., 0] == 255
        # A row of nothing but padding would give NaN: its first token stays.
        hidden_away = hidden_away & (torch.cumsum(torch.ones_like(hidden_away, dtype=torch.long), dim=1) > 1)
        place, value = tokens[..., :1], tokens[..., 2:].float() / 255.0
        row, column = (place >> 4).float() / 15.0, (place & 15).float() / 15.0
        features = self.norm(torch.cat([self.kinds(tokens[..., 1].long()), row, column, value], dim=-1))
        query = self.query.expand(tokens.shape[0], -1, -1)
        seen, _ = self.attend(query, features, features, key_padding_mask=hidden_away, need_weights=False)
        return torch.nn.functional.gelu(seen.squeeze(1))


class Anemone(SeeingBase[Tentacles]):
    def __init__(self, env, *, input_size: int = 128, heads: int = 4, **config) -> None:
        super().__init__(env, Tentacles(input_size, heads), input_size=input_size, **config)
