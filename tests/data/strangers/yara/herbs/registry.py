"""agent_type -> class. New herbs register themselves here."""

from __future__ import annotations

import typing as tp

import torch

from .anise import Anise
from .fennel import Fennel
from .saffron import Saffron
from .sumac import Sumac

HERBS: dict[str, tp.Callable] = {"saffron": Saffron, "anise": Anise, "sumac": Sumac, "fennel": Fennel}


def from_config(env, config: dict, compiled: bool = False):
    options = {k: v for k, v in config.items() if k not in ("agent_type", "_target_")}
    policy = HERBS[config["agent_type"]](env, **options)
    return torch.compile(policy) if compiled else policy
