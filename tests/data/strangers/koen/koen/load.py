"""Agents by name: by hand where there is a class of that name, else the graph in the YAML file."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from koen.graph import GraphAgent
from koen.handmade import Fulmar, Gannet, Skua

HERE = Path(__file__).resolve().parent.parent / "configs" / "agent"
BY_HAND = {"skua": Skua, "fulmar": Fulmar, "gannet": Gannet}


def read(name: str) -> dict[str, Any]:
    with open(HERE / f"{name}.yaml") as file:
        return yaml.safe_load(file)


def agent_from(env, cfg: dict[str, Any], by_hand: bool = False):
    cfg = dict(cfg)
    kind = cfg.pop("agent_type", None)
    if by_hand:
        cfg.pop("components", None)
        return BY_HAND[kind](env, **cfg)
    return GraphAgent(env, **cfg)


def agent_named(env, name: str, cfg: dict[str, Any]):
    """The agent `name`, with what the command line says of its width."""
    if name in BY_HAND:
        return BY_HAND[name](env, hidden_size=cfg["hidden_size"])
    return GraphAgent(
        env,
        components=cfg["components"],
        clip_range=cfg.get("clip_range", 0.0),
        analyze_weights_interval=cfg.get("analyze_weights_interval", 300),
    )
