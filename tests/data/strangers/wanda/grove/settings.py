from dataclasses import dataclass, field


@dataclass(frozen=True)
class CoreSettings:
    width: int = 96
    num_layers: int = 2


@dataclass(frozen=True)
class AgentSettings:
    kind: str = "linden"
    core: CoreSettings = field(default_factory=CoreSettings)
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


@dataclass(frozen=True)
class TrainSettings:
    horizon: int = 128
    epochs: int = 3
    minibatch: int = 64
    lr: float = 2.5e-4
    gamma: float = 0.997
    lam: float = 0.95
    max_grad: float = 0.5
