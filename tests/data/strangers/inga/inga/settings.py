"""Everything a policy of this package can be told, in one frozen record."""
from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Mapping


@dataclass(frozen=True)
class Settings:
    hidden_size: int = 128
    token_width: int = 32
    clip_range: float = 0.0
    analyze_weights_interval: int = 300

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Settings":
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(options) - known)
        if unknown:
            raise TypeError(f"no such settings: {', '.join(unknown)}")
        return cls(**options)
