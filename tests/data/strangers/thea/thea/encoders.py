from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thea.contract import Environment

PADDING = 255


class TokenBox(nn.Module):
    """Tokens [N, M, 3] to a normalised box [N, features, width, height]."""

    norms: Tensor

    def __init__(self, env: Environment) -> None:
        super().__init__()
        self.features = max(env.feature_normalizations) + 1
        self.width, self.height = env.obs_width, env.obs_height
        norms = [env.feature_normalizations.get(i, 1.0) or 1.0 for i in range(self.features)]
        self.register_buffer("norms", torch.tensor(norms).view(1, -1, 1, 1), persistent=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.features, self.width, self.height

    def forward(self, tokens: Tensor) -> Tensor:
        where, what, amount = tokens.unbind(-1)
        x, y, what = where.long() // 16, where.long() % 16, what.long()
        inside = torch.stack([where != PADDING, x < self.width, y < self.height, what < self.features]).all(0)
        index = torch.stack([what * inside, x * inside, y * inside]).long()
        box = torch.zeros(tokens.shape[0], *self.shape, device=tokens.device)
        row = torch.arange(tokens.shape[0], device=tokens.device).view(-1, 1)
        box = box.index_put((row, *index), amount * inside.float(), accumulate=True)
        return box / self.norms


class TintedBox(TokenBox):
    """Near cells count more than far ones."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        x = torch.arange(self.width).view(-1, 1) - self.width // 2
        y = torch.arange(self.height).view(1, -1) - self.height // 2
        self.nearness = 1.0 / (1.0 + x.abs() + y.abs())

    def forward(self, tokens: Tensor) -> Tensor:
        return super().forward(tokens) * self.nearness


class ConvEncoder(nn.Module):
    def __init__(self, box: TokenBox, width: int) -> None:
        super().__init__()
        self.box = box
        self.first, self.second = nn.Conv2d(box.features, 64, 5, stride=3), nn.Conv2d(64, 64, 3)
        cells = 64 * ((box.width - 5) // 3 - 1) * ((box.height - 5) // 3 - 1)
        self.out = nn.Linear(cells, width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.first(self.box(tokens)).relu()
        return self.out(self.second(x).relu().flatten(1)).relu()


class ThinEncoder(ConvEncoder):
    """As ConvEncoder, with one activation where it matters: at the end."""

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.first(self.box(tokens))
        x = self.second(x)
        return F.relu(self.out(x.flatten(1)))


class PatchEncoder(nn.Module):
    """Cells, then places: depthwise and pointwise convolutions, with nothing between the two on purpose."""

    def __init__(self, box: TokenBox, width: int) -> None:
        super().__init__()
        self.box = box
        self.depth = nn.Conv2d(box.features, box.features, 3, groups=box.features)
        self.point = nn.Conv2d(box.features, 32, 1)
        self.low = nn.Linear(32 * (box.width - 2) * (box.height - 2), 48, bias=False)
        self.high = nn.Linear(48, width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = torch.relu(self.point(self.depth(self.box(tokens))))
        return torch.relu(self.high(self.low(x.flatten(1))))
