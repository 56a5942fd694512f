from typing import Any

import torch
from tensordict import TensorDict
from torch import nn

from griddy.lib.layer import Layer, WeightedLayer


class Dense(WeightedLayer):
    def __init__(self, effective_rank: bool = False, **cfg: Any):
        super().__init__(**cfg)

    def setup(self, shapes):
        out = self.nn_params["out_features"]
        self.start(nn.Linear(shapes[0][0], out))
        self.shape = (out,)

    def run(self, td: TensorDict) -> torch.Tensor:
        return self.activation(self.layer(td[self.source_names[0]]))


class Conv(WeightedLayer):
    def setup(self, shapes):
        self.start(nn.Conv2d(shapes[0][0], **self.nn_params))
        with torch.no_grad():
            self.shape = tuple(self.layer(torch.zeros(1, *shapes[0])).shape[1:])

    def run(self, td: TensorDict) -> torch.Tensor:
        return self.activation(self.layer(td[self.source_names[0]]))


class Flat(Layer):
    def setup(self, shapes):
        size = 1
        for n in shapes[0]:
            size *= n
        self.shape = (size,)

    def run(self, td: TensorDict) -> torch.Tensor:
        return td[self.source_names[0]].flatten(1)


class Box(Layer):
    """Tokens to layers, each divided by what it may be at most."""

    def __init__(self, obs_width: int, obs_height: int, feature_normalizations: dict[int, float], **cfg: Any):
        super().__init__(**cfg)
        self.width, self.height = obs_width, obs_height
        self.depth = max(feature_normalizations) + 1
        scale = torch.ones(self.depth)
        for feature, largest in feature_normalizations.items():
            scale[feature] = largest or 1.0
        self.register_buffer("scale", scale.view(1, -1, 1, 1))

    def setup(self, shapes):
        self.shape = (self.depth, self.width, self.height)

    def run(self, td: TensorDict) -> torch.Tensor:
        tokens = td["env_obs"]
        place = tokens[..., 0].long()
        x, y, feature = place // 16, place % 16, tokens[..., 1].long()
        ok = (place != 255) & (x < self.width) & (y < self.height) & (feature < self.depth)
        box = torch.zeros(tokens.shape[0], *self.shape, device=tokens.device)
        row = torch.arange(tokens.shape[0], device=tokens.device).unsqueeze(1).expand_as(place)
        box[row[ok], feature[ok], x[ok], y[ok]] = tokens[..., 2].float()[ok]
        return box / self.scale


class Tokens(Layer):
    """Embedded tokens; `embed_dim` of them for the attribute."""

    def __init__(self, embed_dim: int = 12, fourier: int = 4, max_tokens: int = 200, **cfg: Any):
        super().__init__(**cfg)
        self.embed = nn.Embedding(256, embed_dim, padding_idx=255)
        nn.init.trunc_normal_(self.embed.weight, std=0.02)
        self.fourier = fourier
        self._max_tokens = max_tokens

    def setup(self, shapes):
        self.shape = (self.embed.embedding_dim + 1,)

    def run(self, td: TensorDict) -> torch.Tensor:
        tokens = td["env_obs"].clone()
        tokens[..., 2] = tokens[..., 2] / 255
        td["obs_mask"] = tokens[..., 0] == 255
        return torch.cat([self.embed(tokens[..., 1].long()), tokens[..., 2:].float()], dim=-1)


class Pool(Layer):
    def __init__(self, heads: int = 4, use_mask: bool = True, **cfg: Any):
        super().__init__(**cfg)
        self.heads, self.use_mask = heads, use_mask

    def setup(self, shapes):
        out = self.nn_params["out_features"]
        self.key = nn.Linear(shapes[0][0], out)
        self.value = nn.Linear(shapes[0][0], out)
        self.query = nn.Parameter(torch.randn(self.heads, out // self.heads) * 0.02)
        self.shape = (out,)

    def run(self, td: TensorDict) -> torch.Tensor:
        x = td[self.source_names[0]]
        k = self.key(x).unflatten(-1, (self.heads, -1))
        v = self.value(x).unflatten(-1, (self.heads, -1))
        scores = torch.einsum("nmhd,hd->nmh", k, self.query)
        if self.use_mask:
            scores = scores.masked_fill(td["obs_mask"].unsqueeze(-1), -1e9)
        return torch.einsum("nmh,nmhd->nhd", scores.softmax(1), v).flatten(1)
