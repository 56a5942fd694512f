from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from torch import nn

import emeka_rl

REGISTRY = {name.lower(): getattr(emeka_rl, name) for name in emeka_rl.__all__}


def strict(env, agent_type: str, **options: Any) -> nn.Module:
    cls = {"latent": emeka_rl.Latent, "pixels": emeka_rl.Pixels}[agent_type]
    return cls(env, **options)


def from_config(env, cfg: dict[str, Any]) -> nn.Module:
    """By name; what the config says of clipping and metrics is passed on."""
    make = partial(emeka_rl.Latent if cfg["agent_type"] == "latent" else emeka_rl.Pixels, env)
    return make(clip_range=cfg.get("clip_range", 0.0), analyze_weights_interval=cfg.get("analyze_weights_interval", 300))


def small(env, cfg: dict[str, Any]) -> nn.Module:
    """The same, in the size that fits on a laptop."""
    match cfg["agent_type"]:
        case "latent":
            return emeka_rl.LatentLite(env, hidden_size=cfg["hidden_size"])
        case "pixels":
            return emeka_rl.PixelsNarrow(env)
        case other:
            raise ValueError(other)


def signature(name: str) -> inspect.Signature:
    return inspect.signature(REGISTRY[name])
