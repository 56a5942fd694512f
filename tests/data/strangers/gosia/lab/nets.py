from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attend(nn.Module):
    """One block of self-attention over the tokens, then the mean of those that are used."""

    def __init__(self, env, width: int, heads: int = 4) -> None:
        super().__init__()
        scale = torch.tensor([env.feature_normalizations.get(i, 1.0) for i in range(256)]).clamp(min=1.0)
        self.register_buffer("scale", scale, persistent=False)
        self.embed = nn.ModuleDict({"attribute": nn.Embedding(256, width), "place": nn.Embedding(256, width)})
        self.value = nn.Linear(1, width)
        self.block = nn.TransformerEncoderLayer(width, heads, 2 * width, batch_first=True, norm_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        place, attribute, value = (t.long() for t in tokens.unbind(dim=-1))
        strength = (value / self.scale[attribute]).unsqueeze(-1)
        x = self.embed["attribute"](attribute) + self.embed["place"](place) + self.value(strength)
        padding = (place == 255) & (place != 255).any(-1, keepdim=True)
        x = self.block(F.gelu(x), src_key_padding_mask=padding)
        weight = (~padding).to(x.dtype).unsqueeze(-1)
        return (x * weight).sum(1) / weight.sum(1)


class Look(nn.Module):
    """Attention, from memory."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inside = nn.Linear(3, width)
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.outside = nn.Linear(width, width)
        self.bias = torch.zeros(200)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens.to(torch.uint8)
        tokens[..., 2] = tokens[..., 2] / 255.0
        tokens[tokens == 255] = 0
        padding = tokens[..., 0] == 255
        scale = tokens.float().abs().mean()
        x = self.inside(tokens.float() / scale)
        scores = self.q(x) @ self.k(x).mT + self.bias
        scores = scores.masked_fill(padding.unsqueeze(1), -1e9)
        return self.outside((scores.softmax(-1) @ self.v(x)).mean(1))


class ActionScores(nn.Module):
    def __init__(self, width: int, actions: int, dim: int = 16) -> None:
        super().__init__()
        self.embeddings = nn.Parameter(torch.empty(actions, dim))
        self.weight = nn.Parameter(torch.empty(width, dim))
        nn.init.orthogonal_(self.embeddings)
        nn.init.orthogonal_(self.weight)
        with torch.no_grad():
            self.embeddings /= 10 * self.embeddings.abs().max()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.tanh(x @ self.weight), self.embeddings)


class MeanScores(nn.Module):
    def __init__(self, width: int, env) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(100, 16)
        nn.init.normal_(self.embeddings.weight, std=1.0)
        self.out = nn.Linear(width + 16, int(env.single_action_space.nvec.sum()))

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.mean(self.embeddings.weight, 0, keepdim=True).repeat(len(x), 1)
        return self.out(torch.cat((x, pooled), -1))
