from dataclasses import dataclass, field


@dataclass
class Options:
    hidden_size: int = 128
    clip_range: float = 0.0
    analyze_weights_interval: int = 300


@dataclass
class Optimizer:
    clip_range: float = 0.2
    rate: float = 0.001


@dataclass
class Settings:
    kind: str = "fast"
    policy: Options = field(default_factory=Options)


@dataclass
class Plain:
    hidden_size: int = 128
    kind: str = "fast"
    optimizer: Optimizer = field(default_factory=Optimizer)
