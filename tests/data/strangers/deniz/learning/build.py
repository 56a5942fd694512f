"""From a config to an agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from shorebirds import Bittern, Composed, Dunlin, Heron, Plover


@dataclass
class AgentConfig:
    kind: str = "heron"
    clip_range: float = 0.0
    analyze_weights_interval: int = 300
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def shared(self) -> dict[str, Any]:
        return {"clip_range": self.clip_range, "analyze_weights_interval": self.analyze_weights_interval}


def build(env, cfg: AgentConfig, device: torch.device) -> Composed | Dunlin:
    match cfg.kind:
        case "heron":
            agent = Heron(env, **cfg.shared, **cfg.options)
        case "plover":
            agent = Plover(env, **cfg.shared, **cfg.options)
        case "bittern":
            agent = Bittern(env, **cfg.shared, **cfg.options)
        case "dunlin":
            agent = Dunlin(
                env, clip_range=cfg.clip_range, analyze_weights_interval=cfg.analyze_weights_interval, **cfg.options
            )
        case unknown:
            raise ValueError(f"no agent of the kind {unknown!r}")
    agent.to(device)
    return agent
