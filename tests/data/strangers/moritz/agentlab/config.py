from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CoreConfig:
    hidden_size: int = 128
    num_layers: int = 2


@dataclass(frozen=True)
class AgentConfig:
    kind: str = "box"
    core: CoreConfig = field(default_factory=CoreConfig)
    clip_range: float = 0.0
    analyze_weights_interval: int = 300
    embedding_width: int = 16
    max_environments: int = 4096
