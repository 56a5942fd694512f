"""A small environment description, net and policy of the contract's shape, for all tests of the runtime."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from policyfix.runtime import RecurrentPolicy

OBS_SHAPE = (4, 3)
MAXIMA = (0, 1, 3)  # 7 joint actions


class Net(nn.Module):
    def __init__(self, width: int = 7, features: int = 5, hidden_size: int = 6) -> None:
        super().__init__()
        self.encoder = nn.Linear(12, features)
        self.actor = nn.Linear(hidden_size, width)
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations: Tensor) -> Tensor:
        return torch.tanh(self.encoder(observations.flatten(1).float() / 64))

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return 3 * self.actor(hidden), self.critic(hidden)


def describe_env(obs_shape: tuple[int, ...] = OBS_SHAPE, **attributes: Any) -> SimpleNamespace:
    space = SimpleNamespace(shape=obs_shape)
    multi = SimpleNamespace(nvec=[len(MAXIMA), max(MAXIMA) + 1])
    known = {"single_observation_space": space, "single_action_space": multi, "max_action_args": list(MAXIMA)}
    return SimpleNamespace(**(known | attributes))


def build_policy(
    net: nn.Module | Callable[[], nn.Module] = Net, seed: int = 0, env: Any = None, **config: Any
) -> RecurrentPolicy:
    torch.manual_seed(seed)
    config = {"input_size": 5, "hidden_size": 6} | config
    return RecurrentPolicy(env or describe_env(), net if isinstance(net, nn.Module) else net(), **config)


def build_td(*batch: int, seed: int = 0, **entries: Any) -> TensorDict:
    generator = torch.Generator().manual_seed(seed)
    observations = torch.randint(0, 256, (*batch, *OBS_SHAPE), generator=generator, dtype=torch.uint8)
    return TensorDict({"env_obs": observations, **entries}, batch_size=batch)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def env() -> Callable[..., SimpleNamespace]:
    """Factory: `env(**attributes)`."""
    return describe_env


@pytest.fixture(scope="session")
def net() -> type[Net]:
    """Factory: `net(width)`."""
    return Net


@pytest.fixture(scope="session")
def policy() -> Callable[..., RecurrentPolicy]:
    """Factory: `policy(net, seed, env, **config)`; a net class is constructed under the seed."""
    return build_policy


@pytest.fixture(scope="session")
def batch() -> Callable[..., TensorDict]:
    """Factory: `batch(B)` or `batch(B, T)`, with random observations."""
    return build_td
