from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.bases import RecurrentAgent, initialise_core
from ..core.registry import register


class TokenEncoder(nn.Module):
    def __init__(self, width: int, *, padding: int = 0xFF) -> None:
        super().__init__()
        self.padding = padding
        self.attribute = nn.Embedding(256, width, padding_idx=padding)
        nn.init.trunc_normal_(self.attribute.weight, std=0.02)
        with torch.no_grad():
            self.attribute.weight[padding].fill_(0)
        self.position = nn.Embedding(256, width)
        self.amount = nn.Linear(1, width)
        self.merge = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        position, attribute, amount = tokens.unbind(-1)
        present = (position != self.padding).unsqueeze(-1)
        merged = self.merge(
            self.attribute(attribute.int()) + self.position(position.int()) + self.amount(amount[..., None] / 255)
        )
        return (merged * present).sum(-2) / present.sum(-2).clamp(min=1)


@register("standard")
class StandardAgent(RecurrentAgent):
    """Mean over tokens, LSTM, separate heads: what everything else is compared with."""

    def __init__(
        self,
        env,
        width: int = 64,
        hidden_size: int = 128,
        num_layers: int = 2,
        environments: int = 4096,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        super().__init__(env, clip_range=clip_range, analyze_weights_interval=analyze_weights_interval)
        self.encoder = TokenEncoder(width)
        self.core = initialise_core(nn.LSTM(width, hidden_size, num_layers=num_layers))
        self._register_memory(2, num_layers, hidden_size, environments)
        self.actor = nn.Linear(hidden_size, self.num_actions)
        self.critic = nn.Linear(hidden_size, 1)
        self._initial = None

    def encode(self, tokens: Tensor) -> Tensor:
        return self.encoder(tokens)

    def advance(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        h, c = memory.unbind(0)
        output, (h, c) = self.core(inputs.unsqueeze(0), (h.contiguous(), c.contiguous()))
        return output.squeeze(0), torch.stack((h, c))

    def decode(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(hidden), self.critic(hidden)

    def update_l2_init_weight_copy(self) -> None:
        self._initial = {name: p.detach().clone() for name, p in self.named_parameters() if p.ndim > 1}

    def l2_init_loss(self) -> Tensor:
        if self._initial is None:
            self.update_l2_init_weight_copy()
        pairs = ((p, self._initial[name]) for name, p in self.named_parameters() if name in self._initial)
        return sum((p - initial).square().sum() for p, initial in pairs)
