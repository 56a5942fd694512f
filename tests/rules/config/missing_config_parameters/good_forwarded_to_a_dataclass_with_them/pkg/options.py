from dataclasses import dataclass


@dataclass
class Options:
    clip_range: float = 0.0
    analyze_weights_interval: int = 300
