from dataclasses import dataclass


@dataclass
class Options:
    clip_range: float = 0.0
    interval: int = 300
