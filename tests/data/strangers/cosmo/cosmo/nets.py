"""What a hull is put around: an encoder before the core and heads behind it."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


def size_of_action_set(env) -> int:
    return sum(m + 1 for m in env.max_action_args)


def ortho(layer: nn.Linear, gain: float = math.sqrt(2)) -> nn.Linear:
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.constant_(layer.bias, 0)
    return layer


class PlainNet(nn.Module):
    def __init__(self, env, hidden_size: int) -> None:
        super().__init__()
        self.inner = ortho(nn.Linear(4, 64))
        self.outer = ortho(nn.Linear(64, hidden_size))
        self.actor = ortho(nn.Linear(hidden_size, size_of_action_set(env)), 0.01)
        self.critic = ortho(nn.Linear(hidden_size, 1), 1.0)

    def pool(self, tokens, padding):
        coords, rest = tokens[..., :1], tokens[..., 1:]
        parts = torch.cat((coords >> 4, coords & 0x0F, rest), dim=-1).to(torch.float32) / 16
        hidden = F.elu(self.inner(parts)) * ~padding.unsqueeze(-1)
        return F.elu(self.outer(hidden.sum(-2)))

    def encode_observations(self, observations, state=None):
        return self.pool(observations, observations[..., 0] == 255)

    def decode_actions(self, hidden):
        return self.actor(hidden), self.critic(hidden)


class ScrubNet(PlainNet):
    """For recordings of the older simulator, which fill up with 255 everywhere."""

    def encode_observations(self, observations, state=None):
        observations[observations == 255] = 0
        padding = observations[..., 0] == 255
        return self.pool(observations, padding)


class PairNet(PlainNet):
    """Scores every action by an embedding of its own."""

    def __init__(self, env, hidden_size: int, dim: int = 16) -> None:
        super().__init__(env, hidden_size)
        del self.actor
        self.query = ortho(nn.Linear(hidden_size, dim), 1.0)
        self.table = nn.Embedding(size_of_action_set(env), dim)
        nn.init.orthogonal_(self.table.weight)
        with torch.no_grad():
            self.table.weight *= 0.1 / self.table.weight.abs().max()

    def decode_actions(self, hidden):
        return F.linear(self.query(hidden).tanh(), self.table.weight), self.critic(hidden)


class ScoreNet(PlainNet):
    def __init__(self, env, hidden_size: int, dim: int = 16) -> None:
        super().__init__(env, hidden_size)
        del self.actor
        self.query = ortho(nn.Linear(hidden_size, dim), 1.0)
        self.action_embeddings = nn.Embedding(size_of_action_set(env), dim)

    def decode_actions(self, hidden):
        scores = self.query(hidden) @ self.action_embeddings.weight.t()
        return torch.tanh(scores), self.critic(hidden)
