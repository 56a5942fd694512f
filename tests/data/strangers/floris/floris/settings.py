"""Settings of agents, as dataclasses. `options()` is what goes to a policy's constructor."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any


@dataclass
class PolicySettings:
    hidden_size: int = 128
    num_layers: int = 2
    clip_range: float = 0.0
    analyze_weights_interval: int = 300

    def options(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class AgentSettings:
    kind: str = "lookout"
    policy: PolicySettings = field(default_factory=PolicySettings)
    compile: bool = False

    @classmethod
    def from_mapping(cls, data: dict[str, Any]) -> "AgentSettings":
        known = {f.name for f in fields(cls)}
        if extra := set(data) - known:
            raise ValueError(f"unknown agent settings: {sorted(extra)}")
        return cls(**{**data, "policy": PolicySettings(**data.get("policy", {}))})

    def with_policy(self, **changes: Any) -> "AgentSettings":
        return replace(self, policy=replace(self.policy, **changes))
