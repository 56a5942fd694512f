from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .base import Wader
from .egret import Egret
from .heron import Heron
from .kestrel import Kestrel
from .osprey import Osprey

BIRDS: dict[str, type[Wader]] = {"heron": Heron, "osprey": Osprey, "egret": Egret, "kestrel": Kestrel}


@dataclass
class AgentConfig:
    bird: str = "heron"
    width: int = 128
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


def build_agent(env: Any, cfg: AgentConfig) -> Wader:
    return BIRDS[cfg.bird](
        env,
        width=cfg.width,
        clip_range=cfg.clip_range,
        analyze_weights_interval=cfg.analyze_weights_interval,
    )
