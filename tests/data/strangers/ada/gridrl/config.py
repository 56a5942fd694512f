from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreConfig:
    """The recurrent part alone."""

    hidden: int = 128
    layers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    hidden: int = 128
    layers: int = 2
    channels: int = 32
    clip_range: float = 0.0
    analyze_weights_interval: int = 300

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, Any]) -> Self:
        """A config from loose keywords; a name that is no field is an error."""
        unknown = keywords.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"unknown options: {', '.join(sorted(unknown))}")
        return cls(**keywords)

    @property
    def core(self) -> CoreConfig:
        return CoreConfig(hidden=self.hidden, layers=self.layers)
