"""Environments of all shapes, observations of tokens, and the five policies in a small size."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor

from policyfix.runtime import policies

SMALL = {"input_size": 12, "hidden_size": 10, "num_layers": 2}


def describe_world(
    features: int = 5,
    side: tuple[int, int] = (11, 11),
    maxima: tuple[int, ...] = (0, 1, 3),
    tokens: int = 20,
    **attributes: Any,
) -> SimpleNamespace:
    known = {
        "single_observation_space": SimpleNamespace(shape=(tokens, 3)),
        "single_action_space": SimpleNamespace(nvec=[len(maxima), max(maxima) + 1]),
        "obs_width": side[0],
        "obs_height": side[1],
        "feature_normalizations": {id_: float(1 + 3 * id_) for id_ in range(features)},
        "action_names": [f"act{kind}" for kind in range(len(maxima))],
        "max_action_args": list(maxima),
    }
    return SimpleNamespace(**(known | attributes))


def observe_tokens(*batch: int, tokens: int = 20, features: int = 5, side=(11, 11), seed: int = 0) -> Tensor:
    """Tokens uint8 `[*batch, tokens, 3]` inside the window, padded from a random place on."""
    generator = torch.Generator().manual_seed(seed)

    def draw(high: int) -> Tensor:
        return torch.randint(0, high, (*batch, tokens), generator=generator)

    coordinates = draw(side[0]) * 16 + draw(side[1])
    observed = torch.stack([coordinates, draw(features), draw(256)], dim=-1).to(torch.uint8)
    length = torch.randint(0, tokens + 1, (*batch, 1), generator=generator)
    observed[torch.arange(tokens) >= length] = 255
    return observed


@pytest.fixture(scope="session")
def world() -> Callable[..., SimpleNamespace]:
    """Factory: `world(features, side, maxima, tokens, **attributes)`."""
    return describe_world


@pytest.fixture(scope="session")
def observe() -> Callable[..., Tensor]:
    """Factory: `observe(B)` or `observe(B, T)`."""
    return observe_tokens


@pytest.fixture(params=policies.__all__)
def build(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Factory of each policy in turn: `build(env, seed, **config)`."""

    def factory(env: Any = None, seed: int = 0, **config: Any):
        torch.manual_seed(seed)
        sizes = SMALL | ({"cnn_channels": 4} if request.param in ("Fast", "Example") else {})
        return getattr(policies, request.param)(env or describe_world(), **(sizes | config))

    return factory


@pytest.fixture(scope="session")
def step() -> Callable[..., TensorDict]:
    """Factory: `step(B)` or `step(B, T)`, a TensorDict with `env_obs` and the given entries."""

    def factory(*batch: int, seed: int = 0, **entries: Any) -> TensorDict:
        return TensorDict({"env_obs": observe_tokens(*batch, seed=seed), **entries}, batch_size=batch)

    return factory
