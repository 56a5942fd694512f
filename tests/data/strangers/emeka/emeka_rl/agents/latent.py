from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from emeka_rl.core.base import RecurrentAgent
from emeka_rl.core.stamping import EagerStamping


class Latent(RecurrentAgent):
    """Learnt queries that read the tokens by attention."""

    def __init__(self, env, queries: int = 8, heads: int = 4, **kwargs) -> None:
        self.queries, self.heads = queries, heads
        super().__init__(env, **kwargs)

    def make_net(self, env) -> nn.Module:
        return LatentNet(env, self.hidden_size, self.queries, self.heads)


class LatentLite(EagerStamping, Latent):
    """One query and one layer. For laptops."""

    def __init__(self, env, hidden_size: int = 64, num_layers: int = 1, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__(env, queries=1, heads=1, hidden_size=hidden_size, num_layers=num_layers)

    def make_net(self, env) -> nn.Module:
        return LiteNet(env, self.hidden_size)

    def l2_init_loss(self) -> Tensor:
        return sum((w.detach() ** 2).sum() for w in self.net.parameters())

    def clip_weights(self) -> None:
        super().clip_weights()
        with torch.no_grad():
            for weight in self.parameters():
                weight.clamp_(-0.5, 0.5)


class LatentNet(nn.Module):
    def __init__(self, env, width: int, queries: int, heads: int) -> None:
        super().__init__()
        dim = 32
        self.attributes = nn.Embedding(256, dim - 9, padding_idx=255)
        nn.init.trunc_normal_(self.attributes.weight, std=0.02)
        with torch.no_grad():
            self.attributes.weight[255].zero_()
        self.register_buffer("frequencies", 2.0 ** torch.arange(2))
        self.register_buffer("largest", self._largest(env))
        self.queries = nn.Parameter(torch.randn(queries, dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.project = nn.Sequential(nn.LayerNorm(dim * queries), nn.Linear(dim * queries, width), nn.ReLU())
        self.actor = nn.Sequential(nn.Linear(width, 128), nn.ReLU())
        self.table = nn.Embedding(sum(n + 1 for n in env.max_action_args), 16)
        self.query = nn.Linear(128, 16, bias=False)
        self.critic = nn.Sequential(nn.Linear(width, 256), nn.Tanh(), nn.Linear(256, 1))
        nn.init.orthogonal_(self.table.weight)
        self.table.weight.data *= 0.1 / self.table.weight.data.abs().max()

    @staticmethod
    def _largest(env) -> Tensor:
        largest = torch.ones(256)
        for feature, value in env.feature_normalizations.items():
            largest[feature] = max(value, 1.0)
        return largest

    def encode_observations(self, tokens: Tensor, state=None) -> Tensor:
        place, attribute = tokens[..., 0].long(), tokens[..., 1].long()
        padding = place == 0xFF
        angles = torch.stack((place >> 4, place & 15), dim=-1).unsqueeze(-1) / 10 * self.frequencies
        waves = torch.cat((angles.sin(), angles.cos()), dim=-1).flatten(-2)
        value = tokens[..., 2:].float() / self.largest[attribute].unsqueeze(-1)
        x = self.norm(torch.cat((self.attributes(attribute), waves, value), dim=-1))
        queries = self.queries.expand(x.shape[0], -1, -1)
        empty = padding.all(dim=-1, keepdim=True)
        z, _ = self.attention(queries, x, x, key_padding_mask=padding & ~empty, need_weights=False)
        return self.project(z.flatten(1))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        query = torch.tanh(self.query(self.actor(hidden)))
        return query @ self.table.weight.t(), self.critic(hidden)


class LiteNet(nn.Module):
    def __init__(self, env, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(256, 16, padding_idx=255)
        nn.init.orthogonal_(self.tokens.weight)
        self.lin = nn.Linear(18, 64)
        self.out = nn.Linear(64, width)
        self.table = nn.Embedding(sum(n + 1 for n in env.max_action_args), 16)
        self.query = nn.Linear(width, 16)
        self.value = nn.Linear(width, 1)

    def encode_observations(self, tokens: Tensor, state=None) -> Tensor:
        x = torch.cat((self.tokens(tokens[..., 1].long()), tokens[..., 0::2].float() / 255), dim=-1)
        count = torch.argmax((tokens[..., 0] == 255).to(torch.int), dim=-1)
        longest = count.max().item()
        return torch.relu(self.out(self.lin(x[:, :longest]).sum(dim=1)))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        scores = torch.einsum("be,ae->ba", self.query(hidden), self.table.weight)
        return scores.tanh(), self.value(hidden)
