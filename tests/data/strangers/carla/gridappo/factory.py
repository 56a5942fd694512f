from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from gridappo import model

_REGISTRY: dict[str, Callable[..., nn.Module]] = {}


def register(name: str, make: Callable[..., nn.Module]) -> None:
    if name in _REGISTRY:
        raise ValueError(f"two models are called {name}")
    _REGISTRY[name] = make


register("actor_critic", model.ActorCritic)
register("ensemble", model.EnsembleActorCritic)
register("tuned", model.TunedActorCritic)
register("legacy", model.LegacyActorCritic)


@dataclass(frozen=True)
class ModelConfig:
    name: str = "actor_critic"
    hidden_size: int = 128
    num_layers: int = 2
    members: int = 4
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


def create_actor_critic(cfg: ModelConfig, env) -> nn.Module:
    shared = {"clip_range": cfg.clip_range, "analyze_weights_interval": cfg.analyze_weights_interval}
    if cfg.name == "ensemble":
        return model.EnsembleActorCritic(
            env, members=cfg.members, hidden_size=cfg.hidden_size, num_layers=cfg.num_layers, **shared
        )
    return _REGISTRY[cfg.name](env, hidden_size=cfg.hidden_size, num_layers=cfg.num_layers, **shared)


def create_for_paper(cfg: ModelConfig, env) -> nn.Module:
    """The tables of paper one want the plain model, whatever the config calls it."""
    if cfg.name == "plain":
        return model.PlainActorCritic(env, hidden_size=cfg.hidden_size)
    return create_actor_critic(cfg, env)
