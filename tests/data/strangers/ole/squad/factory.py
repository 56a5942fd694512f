from pathlib import Path

import yaml

from squad.agents import ContextualAgent, DimsAgent, FlatAgent, FusedAgent, PlanesAgent, RowwiseAgent
from squad.graph import GraphPolicy

SHELLS = {
    "planes": PlanesAgent,
    "contextual": ContextualAgent,
    "rowwise": RowwiseAgent,
    "flat": FlatAgent,
    "dims": DimsAgent,
    "fused": FusedAgent,
}


def load(path):
    with Path(path).open() as file:
        return yaml.safe_load(file)


def make_graph(env, path):
    config = load(path)
    return GraphPolicy(env, **config)


def make_shell(env, cfg):
    """The shell that a run's config names."""
    cls = SHELLS[cfg["agent"]]
    return cls(env, hidden_size=cfg.get("hidden_size", 128))


def make_shell_for_play(env, cfg):
    """As saved runs describe it; runs of before June know no width."""
    cls = SHELLS[cfg["agent"]]
    settings = {"clip_range": cfg.get("clip_range", 0.0)}
    settings["analyze_weights_interval"] = cfg.get("analyze_weights_interval", 300)
    if "hidden_size" in cfg:
        settings["hidden_size"] = cfg["hidden_size"]
    return cls(env, **settings)
