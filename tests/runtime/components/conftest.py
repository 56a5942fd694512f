"""An environment of tokens, and the smallest configs of both families of graphs."""

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tensordict import TensorDict

from policyfix.runtime.components import ComponentPolicy, read_config

CONFIGS = ("fast", "latent_attn_tiny", "latent_attn_small", "latent_attn_med")


def token_env(
    *,
    tokens: int = 30,
    width: int = 11,
    height: int = 11,
    features: int = 6,
    maxima: tuple[int, ...] = (0, 1, 3),
) -> SimpleNamespace:
    return SimpleNamespace(
        single_observation_space=SimpleNamespace(shape=(tokens, 3)),
        single_action_space=SimpleNamespace(nvec=[len(maxima), max(maxima) + 1]),
        max_action_args=list(maxima),
        action_names=[f"act{kind}" for kind in range(len(maxima))],
        obs_width=width,
        obs_height=height,
        feature_normalizations={id_: 1.0 + 10 * id_ for id_ in range(features)},
    )


def token_batch(*batch: int, env: Any, seed: int = 0, **entries: Any) -> TensorDict:
    """Random tokens, between none and all of a row, some of them outside the box and of unknown features."""
    generator = torch.Generator().manual_seed(seed)
    tokens = env.single_observation_space.shape[0]
    observations = torch.randint(0, 255, (*batch, tokens, 3), generator=generator, dtype=torch.uint8)
    observations[..., 1] %= len(env.feature_normalizations) + 2
    lengths = torch.randint(0, tokens + 1, (*batch, 1), generator=generator)
    observations[torch.arange(tokens) >= lengths] = 255
    return TensorDict({"env_obs": observations, **entries}, batch_size=batch)


@pytest.fixture(scope="session")
def tokens_env() -> Callable[..., SimpleNamespace]:
    """Factory: `tokens_env(tokens=, width=, height=, features=, maxima=)`."""
    return token_env


@pytest.fixture(scope="session")
def tokens_batch() -> Callable[..., TensorDict]:
    """Factory: `tokens_batch(B, T, env=, seed=, **entries)`."""
    return token_batch


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each of our configs in turn."""
    return read_config(request.param)


@pytest.fixture
def fast() -> dict[str, Any]:
    """The config of "fast", for tests that change it."""
    return copy.deepcopy(read_config("fast"))


@pytest.fixture(scope="session")
def component_policy() -> Callable[..., ComponentPolicy]:
    """Factory: `component_policy(env, config, seed=0, **overrides)`."""

    def build(env: Any, config: dict[str, Any], seed: int = 0, **overrides: Any) -> ComponentPolicy:
        torch.manual_seed(seed)
        return ComponentPolicy(env, **(config | overrides))

    return build
