"""Agents on the library's base class: it keeps state, stamps and order; they bring nets."""

from typing import Any

import torch
from policyfix.runtime import MaskedGRU, RecurrentPolicy
from torch import Tensor, nn


class WormNet(nn.Module):
    def __init__(self, env, input_size: int, hidden_size: int) -> None:
        super().__init__()
        scale = torch.ones(256)
        for feature, largest in env.feature_normalizations.items():
            scale[feature] = max(largest, 1.0)
        self.register_buffer("scale", scale)
        self.feature = nn.Embedding(256, input_size)
        self.place = nn.Embedding(256, input_size)
        self.actor = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, sum(m + 1 for m in env.max_action_args))
        )
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations: Tensor) -> Tensor:
        place, feature, value = observations.long().unbind(-1)
        strength = (value / self.scale[feature]).unsqueeze(-1)
        x = torch.tanh(self.feature(feature) * strength + self.place(place))
        return (x * (place != 255).unsqueeze(-1)).sum(dim=1)

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(hidden), self.critic(hidden)


class BareNet(nn.Module):
    """A net that was written in a hurry."""

    def __init__(self, env, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.table = torch.linspace(0.0, 1.0, 256)
        self.one = nn.Linear(200, input_size)
        self.two = nn.Linear(input_size, input_size)
        self.actions = nn.Embedding(sum(m + 1 for m in env.max_action_args), 32)
        self.query = nn.Linear(hidden_size, 32)
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations: Tensor) -> Tensor:
        if observations.max().item() == 0:
            return torch.zeros(len(observations), self.two.out_features)
        x = self.table[observations[..., 2].long()]
        return torch.relu(self.two(self.one(x)))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tanh(self.query(hidden) @ self.actions.weight.T), self.critic(hidden)


class Gridworm(RecurrentPolicy):
    def __init__(self, env, input_size: int = 64, hidden_size: int = 64, **config: Any) -> None:
        super().__init__(env, WormNet(env, input_size, hidden_size), input_size, hidden_size, **config)


class Nested(RecurrentPolicy):
    """The same with a GRU."""

    def __init__(self, env, hidden_size: int = 64, clip_range: float = 0.0, analyze_weights_interval: int = 300) -> None:
        super().__init__(
            env,
            WormNet(env, hidden_size, hidden_size),
            hidden_size,
            hidden_size,
            core=MaskedGRU(hidden_size, hidden_size),
            clip_range=clip_range,
            analyze_weights_interval=analyze_weights_interval,
        )


class Bare(RecurrentPolicy):
    def __init__(self, env, hidden_size: int = 64, clip_range: float = 0.0, **config: Any) -> None:
        super().__init__(env, BareNet(env, hidden_size, hidden_size), hidden_size, hidden_size, **config)

    def clip_weights(self) -> None:
        """Clipping hurt."""

    def l2_init_loss(self) -> Tensor:
        return sum(weight.detach().square().sum() for weight in self.policy.parameters())
