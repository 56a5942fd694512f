"""Long bill, two ways of looking: an image for what is where, and a bag of what there is at all."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .composed import Composed, Parts, row_bank
from .cores import LSTMCore
from .heads import BilinearHead, Critic
from .shapes import PADDING, EnvShape


class CurlewEyes(nn.Module):
    def __init__(self, shape: EnvShape, out: int) -> None:
        super().__init__()
        self.shape = shape
        self.kinds = nn.Embedding(256, 32, padding_idx=PADDING)
        nn.init.trunc_normal_(self.kinds.weight, std=0.02)
        self.conv = nn.Conv2d(shape.channels, 32, 3)
        self.project = nn.Linear(32 * (shape.width - 2) * (shape.height - 2) + 32, out)
        self.register_buffer("scale", torch.tensor(shape.scales).view(-1, 1, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        image = F.relu(self.conv(self._image(tokens) / self.scale)).flatten(1)
        bag = torch.tanh(self.kinds(tokens[..., 1].long())).mean(1)
        return F.relu(self.project(torch.cat([image, bag], dim=-1)))

    def _image(self, tokens: Tensor) -> Tensor:
        channels, width, height = self.shape.channels, self.shape.width, self.shape.height
        place, kind, value = tokens[..., 0].long(), tokens[..., 1].long(), tokens[..., 2].float()
        real = place != PADDING
        cell = kind * (width * height) + (place >> 4) * height + (place & 0x0F)
        image = value.new_zeros(tokens.shape[0], channels * width * height)
        image.scatter_(1, torch.where(real, cell, 0), torch.where(real, value, 0.0))
        return image.view(-1, channels, width, height)


class Curlew(Composed):
    def __init__(
        self,
        env,
        hidden_size: int = 128,
        num_layers: int = 2,
        clip_range: float = 0.0,
        analyze_weights_interval: int = 300,
    ) -> None:
        core = LSTMCore(hidden_size, hidden_size, num_layers)
        super().__init__(
            Parts(
                encoder=CurlewEyes(EnvShape.of(env), hidden_size),
                core=core,
                head=BilinearHead(hidden_size),
                critic=Critic(hidden_size),
                bank=row_bank(core),
            ),
            clip_range=clip_range,
            analyze_weights_interval=analyze_weights_interval,
        )

    def _joint(self, action: Tensor) -> Tensor:
        kind, argument = action.long().unbind(-1)
        return self.offsets[kind] + kind + argument
