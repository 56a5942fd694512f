"""Inner nets: `encode_observations` before the core, `decode_actions` behind it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NEUTRAL = {i: 1.0 for i in range(24)}


class ScoreHead(nn.Module):
    def __init__(self, width: int, embed: int = 16, size: int = 100) -> None:
        super().__init__()
        table = nn.init.orthogonal_(torch.empty(size, embed))
        self.embeddings = nn.Parameter(table * (0.1 / table.abs().max()))
        self.query = nn.Linear(width, embed)
        self.count = size

    def activate(self, count: int, device: torch.device) -> None:
        if count > self.embeddings.shape[0]:
            raise IndexError(f"{count} actions, room for {self.embeddings.shape[0]}")
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        return self.query(x).tanh() @ self.embeddings[: self.count].T


class MapNet(nn.Module):
    """A map of features, as large as the environment says it is."""

    def __init__(self, env, width: int = 128, channels: int = 32) -> None:
        super().__init__()
        norms = getattr(env, "feature_normalizations", None) or NEUTRAL
        self.columns = getattr(env, "obs_width", 11)
        self.rows = getattr(env, "obs_height", 11)
        self.features = max(norms) + 1
        self.width = width
        scale = [norms.get(i, 1.0) or 1.0 for i in range(self.features)]
        self.register_buffer("scale", torch.tensor(scale).view(1, -1, 1, 1), persistent=False)
        self.conv = nn.Conv2d(self.features, channels, 5, stride=3)
        flat = channels * ((self.columns - 5) // 3 + 1) * ((self.rows - 5) // 3 + 1)
        self.fc = nn.Linear(flat, width)
        self.actor = nn.Linear(width, 256)
        self.critic = nn.Linear(width, 256)
        self.value = nn.Linear(256, 1)
        self.head = ScoreHead(256)

    def encode_observations(self, observations: Tensor, state=None) -> Tensor:
        place, feature, value = observations.long().unbind(dim=-1)
        x, y = place.div(16, rounding_mode="floor"), place.remainder(16)
        known = place.ne(255) & feature.lt(self.features) & x.lt(self.columns) & y.lt(self.rows)
        cells = self.features * self.columns * self.rows
        index = ((feature * self.columns + x) * self.rows + y).masked_fill(~known, cells)
        box = torch.zeros(len(observations), cells + 1, device=observations.device)
        box = box.scatter(1, index, value.float())[:, :cells]
        box = box.unflatten(1, (self.features, self.columns, self.rows)) / self.scale
        return F.relu(self.fc(F.relu(self.conv(box)).flatten(1)))

    def decode_actions(self, hidden: Tensor, state=None) -> tuple[Tensor, Tensor]:
        logits = self.head(F.relu(self.actor(hidden)))
        return logits, self.value(torch.tanh(self.critic(hidden))).squeeze(-1)


class BagNet(MapNet):
    """A bag of tokens; faster than a map where observations are nearly empty."""

    def __init__(self, env, width: int = 128, dim: int = 32, cap: int = 100) -> None:
        super().__init__(env, width)
        self.cap = cap
        self.what = nn.Embedding(256, dim)
        self.where = nn.Embedding(256, dim)
        self.gather = nn.Linear(dim + 1, width)

    def encode_observations(self, observations: Tensor, state=None) -> Tensor:
        tokens = observations.view(-1, observations.shape[-2], 3)
        amount = tokens[..., 2]
        amount.clamp_(max=self.cap)
        place, feature = tokens[..., 0].long(), tokens[..., 1].long()
        live = place.ne(255).unsqueeze(-1)
        x = torch.cat([self.what(feature) + self.where(place), amount.float().unsqueeze(-1) / self.cap], -1)
        return F.relu(self.gather(x)).mul(live).amax(1)
