"""Everything that a run can be told from the outside."""
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AgentSettings:
    kind: str = "lstm"
    width: int = 128
    num_layers: int = 2
    capacity: int = 4096
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


@dataclass(frozen=True)
class TrainSettings:
    segments: int = 256
    horizon: int = 32
    minibatch: int = 64
    passes: int = 1
    accumulate: int = 4
    learning_rate: float = 4e-4
    warmup: int = 20
    updates: int = 2000
    gamma: float = 0.977
    lam: float = 0.916
    clip_coef: float = 0.1
    value_coef: float = 0.44
    entropy_coef: float = 0.002
    l2_init_coef: float = 0.0
    max_grad_norm: float = 0.5
    target_kl: float = 0.03
    agent: AgentSettings = field(default_factory=AgentSettings)
