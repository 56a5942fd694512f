"""A small policy for the memory task."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from policyfix.runtime import RecurrentPolicy
from policyfix.runtime.training.memory_task import CueRecall


class FirstFeature(nn.Module):
    """Sees which feature the first token names; 7 stands for none."""

    def __init__(self, actions: int, hidden_size: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, hidden_size)
        self.actor = nn.Linear(hidden_size, actions)
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations: Tensor) -> Tensor:
        feature = observations[:, 0, 1].long().clamp(max=7)
        return torch.relu(self.encoder(nn.functional.one_hot(feature, 8).float()))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(hidden), self.critic(hidden)


def build_agent(env: Any, seed: int = 0, hidden_size: int = 16, **config: Any) -> RecurrentPolicy:
    torch.manual_seed(seed)
    net = FirstFeature(1 + env.single_action_space.nvec[1], hidden_size)
    return RecurrentPolicy(env, net, hidden_size, hidden_size, num_layers=1, **config)


def build_task(agents: int = 8, seed: int = 0, **options: Any) -> CueRecall:
    return CueRecall(agents, **{"cues": 3, "delay": (1, 3), "groups": 2, "seed": seed} | options)


@pytest.fixture
def agent() -> Callable[..., RecurrentPolicy]:
    return build_agent


@pytest.fixture
def task() -> Callable[..., CueRecall]:
    return build_task
