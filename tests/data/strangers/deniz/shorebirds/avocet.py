"""Counts its tokens before it looks at them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .composed import Composed, Parts, row_bank
from .heads import BilinearHead, Critic
from .shapes import PADDING


class GRUCore(nn.Module):
    """State [B, layers, width]."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.shape = (layers, width)
        self.gru = nn.GRU(width, width, layers)
        self.apply(self._start)

    @staticmethod
    def _start(module: nn.Module) -> None:
        match module:
            case nn.GRU():
                for weight in module.parameters():
                    nn.init.orthogonal_(weight) if weight.ndim == 2 else nn.init.ones_(weight)
            case _:
                return

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        out, after = self.gru(features[None], state.transpose(0, 1).contiguous())
        return out[0], after.transpose(0, 1)


class AvocetEyes(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.kinds = nn.Embedding(256, width, padding_idx=PADDING)
        self.places = nn.Embedding(256, width)
        nn.init.trunc_normal_(self.kinds.weight, std=0.02)
        with torch.no_grad():
            self.kinds.weight[PADDING].zero_()
        self.weigh = nn.Linear(width, 1)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        length = self._length(tokens)
        inside = torch.arange(tokens.shape[1], device=tokens.device) < length.unsqueeze(1)
        value = tokens[..., 2:].float() / 255.0
        said = torch.tanh(self.kinds(tokens[..., 1].long()) + self.places(tokens[..., 0].long())) * (1.0 + value)
        weight = torch.sigmoid(self.weigh(said)) * inside.unsqueeze(-1)
        return F.gelu(self.out((said * weight).sum(1)))

    @staticmethod
    def _length(tokens: Tensor) -> Tensor:
        padding = tokens[..., 0] == PADDING
        first = padding.int().argmax(dim=1)
        return torch.where(padding.any(dim=1), first, tokens.shape[1])


class Avocet(Composed):
    def __init__(
        self,
        env,
        width: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        core = GRUCore(width, num_layers)
        parts = Parts(AvocetEyes(width), core, BilinearHead(width), Critic(width), row_bank(core))
        super().__init__(parts, clip_range, analyze_weights_interval)
