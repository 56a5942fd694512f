"""Ways to score actions."""
import torch
from torch import nn
from torch.nn import functional as F

from .base import GridNet, Recurrent
from .registry import register


class NamedNet(GridNet):
    """Scores of actions by their embeddings."""

    def make_heads(self, env):
        self.action_embeddings = nn.Embedding(self.n_actions, 16)
        nn.init.orthogonal_(self.action_embeddings.weight)
        with torch.no_grad():
            self.action_embeddings.weight.mul_(0.1 / self.action_embeddings.weight.abs().max())
        self.query = nn.Linear(self.hidden_size, 16)
        self.bias = nn.Parameter(torch.zeros(1))
        self.critic1 = nn.Linear(self.hidden_size, 256)
        self.critic2 = nn.Linear(256, 1)

    def decode_actions(self, hidden):
        query = torch.tanh(self.query(hidden))
        logits = torch.einsum("ne,ae->na", query, self.action_embeddings.weight) + self.bias
        return logits, self.critic2(torch.tanh(self.critic1(hidden)))


class SoftNamedNet(NamedNet):
    """Keeps scores within bounds."""

    def decode_actions(self, hidden):
        scores = torch.einsum("ne,ae->na", self.query(hidden), self.action_embeddings.weight)
        return torch.tanh(scores), self.critic2(torch.tanh(self.critic1(hidden)))


class FreeNamedNet(GridNet):
    """Embeddings as they come; the critic has a layer more."""

    def make_heads(self, env):
        self.names = nn.Embedding(self.n_actions, 24)
        self.query = nn.Linear(self.hidden_size, 24)
        self.critic1 = nn.Linear(self.hidden_size, 256)
        self.critic_mid = nn.Linear(256, 64)
        self.critic2 = nn.Linear(64, 1)

    def decode_actions(self, hidden):
        logits = torch.tanh(self.query(hidden)) @ self.names.weight.t()
        value = torch.tanh(self.critic1(hidden))
        value = self.critic2(self.critic_mid(value))
        return logits, value


class TwinCriticNet(NamedNet):
    """Two critics, the lesser counts; a third head guesses the reward and only shapes the core."""

    def make_heads(self, env):
        super().make_heads(env)
        self.other1 = nn.Linear(self.hidden_size, 256)
        self.other2 = nn.Linear(256, 1)
        self.guess = nn.Sequential(nn.Linear(self.hidden_size, 32), nn.ReLU(), nn.Linear(32, 1))

    def decode_actions(self, hidden):
        logits, value = super().decode_actions(hidden)
        other = self.other2(F.relu(self.other1(hidden)))
        return logits, torch.minimum(value, other)


@register("named")
class Named(Recurrent):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, NamedNet(env, hidden_size), hidden_size=hidden_size, **options)


@register("soft_named")
class SoftNamed(Recurrent):
    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, SoftNamedNet(env, hidden_size), hidden_size=hidden_size, **options)


@register("free_named")
class FreeNamed(Recurrent):
    def __init__(self, env, hidden_size=128, clip_range=0.0, **options):
        super().__init__(env, FreeNamedNet(env, hidden_size), hidden_size=hidden_size, **options)


@register("twin")
class Twin(Recurrent):
    """Writes what it guesses of the reward beside the contract's outputs."""

    def __init__(self, env, hidden_size=128, **options):
        super().__init__(env, TwinCriticNet(env, hidden_size), hidden_size=hidden_size, **options)

    def core(self, td, z, B, T, acting):
        hidden = super().core(td, z, B, T, acting)
        td["reward_guess"] = self.net.guess(hidden)[:, 0]
        return hidden
