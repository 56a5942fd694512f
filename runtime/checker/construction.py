"""Builds the policy under test as the trainer's factory does, and activates its actions as the agent does."""

import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from .contract import Contract
from .environment import Environment

# A key of the agent's configuration that is no parameter of the policy: the factory passes it all the same.
FURTHER_CONFIG: Mapping[str, Any] = {"observations": {"obs_key": "grid_obs"}}


class ConstructionError(Exception):
    """The class cannot be built at all; `__cause__` is what its constructor raised."""


@dataclass(frozen=True, slots=True)
class Keywords:
    """Configuration keywords, split by what the constructor does with them."""

    accepted: Mapping[str, Any]
    refused: Mapping[str, str]  # keyword -> what was raised


def accepted_keywords(
    policy_class: type[nn.Module], environment: Environment, contract: Contract
) -> Keywords:
    """Which keywords of the whole configuration the constructor takes.

    Raises ConstructionError when the class cannot be built with the contract's parameters, nor with none.
    """
    config = {**contract.parameters, **FURTHER_CONFIG}
    given = _most_that_builds(policy_class, environment, (config, contract.parameters, {}))
    accepted, refused = dict(given), {}
    for keyword in config.keys() - given.keys():
        try:
            policy_class(environment, **given, **{keyword: config[keyword]})
        except Exception as error:
            refused[keyword] = f"{type(error).__name__}: {error}"
        else:
            accepted[keyword] = config[keyword]
    return Keywords(accepted, {keyword: refused[keyword] for keyword in config if keyword in refused})


def _most_that_builds(
    policy_class: type[nn.Module], environment: Environment, configs: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    for config in configs:
        try:
            policy_class(environment, **config)
        except Exception as error:  # whatever a constructor raises, fewer keywords tell what it was about
            failure = error
        else:
            return config
    raise ConstructionError from failure


def build(
    policy_class: type[nn.Module],
    environment: Environment,
    contract: Contract,
    config: Mapping[str, Any],
    seed: int,
) -> Any:
    """A new policy, its actions activated; the global generators start from `seed`."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    policy = policy_class(environment, **config)
    activate(policy, environment, contract)
    return policy


def activate(policy: Any, environment: Environment, contract: Contract) -> None:
    """Give the policy its action tables as the trainer's agent does, before the first forward.

    `maxima`: int64 [K + 1], cumulated maximal arguments; `counts`: int64 [K + 1], cumulated numbers of
    arguments; `pairs`: int32 [A, 2], the (type, argument) of every joint index.
    """
    device = torch.device("cpu")
    initialise = getattr(policy, "initialize_to_environment", None)
    # A policy may have a method of that name, too: its agent sets the tables and tells it the names.
    is_the_policys = callable(initialise) and _takes(initialise, environment.full_action_names, device)
    if callable(initialise) and not is_the_policys:  # an agent that wraps the policy and activates it itself
        features = environment.get_observation_features()
        initialise(features, environment.action_names, environment.max_action_args, device)
        return
    most = torch.tensor([0, *environment.max_action_args], dtype=torch.int64)
    counted = most + (torch.arange(len(most)) > 0)
    tables = {
        "maxima": most.cumsum(0),
        "counts": counted.cumsum(0),
        "pairs": torch.tensor(environment.joint_actions, dtype=torch.int32),
    }
    for name, kind in contract.tables.items():
        setattr(policy, name, tables[kind])
    embed = getattr(policy, contract.activate, None)
    if callable(embed):
        embed(environment.full_action_names, device)
    if callable(initialise):
        initialise(environment.full_action_names, device)


def _takes(method: Callable[..., Any], *arguments: Any) -> bool:
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        return False
    return True
