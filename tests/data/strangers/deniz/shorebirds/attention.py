"""A memory that is looked at: the last steps of each environment, attended to by the present one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .composed import Composed, Parts, row_bank
from .encoders import TokenEncoder
from .heads import BilinearHead, Critic


class WindowCore(nn.Module):
    """State [B, window, width + 1]: past features, and in the last column 1 where there is one."""

    def __init__(self, width: int, window: int, heads: int) -> None:
        super().__init__()
        self.shape = (window, width + 1)
        self.norm = nn.LayerNorm(width)
        self.look = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = self._pushed(features, state)
        past, there = state[..., :-1], state[..., -1] > 0
        keys = self.norm(past)
        seen, _ = self.look(keys[:, -1:], keys, keys, key_padding_mask=~there, need_weights=False)
        return torch.relu(features + seen.squeeze(1)), state

    @staticmethod
    def _pushed(features: Tensor, state: Tensor) -> Tensor:
        newest = torch.cat([features, torch.ones_like(features[:, :1])], dim=-1)
        return torch.cat([state[:, 1:], newest.unsqueeze(1)], dim=1)


class Plover(Composed):
    def __init__(
        self,
        env,
        width: int = 128,
        window: int = 16,
        heads: int = 4,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        core = WindowCore(width, window, heads)
        parts = Parts(TokenEncoder(width), core, BilinearHead(width), Critic(width), row_bank(core))
        super().__init__(parts, clip_range, analyze_weights_interval)
