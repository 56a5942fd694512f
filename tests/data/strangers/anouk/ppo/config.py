from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class AgentConfig:
    kind: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 2
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


@dataclass
class LearnConfig:
    agent: AgentConfig = field(default_factory=AgentConfig)
    lr: float = 3e-4
    gamma: float = 0.98
    lam: float = 0.92
    clip: float = 0.1
    entropy: float = 0.002
    value: float = 0.5
    max_grad: float = 0.5
    horizon: int = 16
    segments: int = 32
    minibatch: int = 8
    accumulate: int = 2
    epochs: int = 2
    alpha: float = 0.6
    beta: float = 0.6
    iterations: int = 20
    warmup: int = 0
    evaluate_every: int = 5
