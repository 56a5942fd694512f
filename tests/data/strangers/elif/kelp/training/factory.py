from __future__ import annotations

from dataclasses import dataclass

from ..agents import Anemone, Coral, Limpet, Urchin
from ..bases import PolicyBase

AGENTS: dict[str, type[PolicyBase]] = {"anemone": Anemone, "coral": Coral, "limpet": Limpet, "urchin": Urchin}


@dataclass
class AgentSettings:
    name: str = "coral"
    hidden_size: int = 128
    clip_range: float = 0.1
    analyze_weights_interval: int = 300


def make_policy(settings: AgentSettings, env) -> PolicyBase:
    kind = AGENTS.get(settings.name)
    if kind is None:
        raise KeyError(f"{settings.name} is none of {', '.join(AGENTS)}")
    return kind(env, hidden_size=settings.hidden_size)


def restore(meta: dict, weights: dict, env) -> PolicyBase:
    """The policy of a checkpoint, made with the very keywords that it was made with before."""
    policy = AGENTS[meta["name"]](env, **meta["config"])
    policy.load_state_dict(weights)
    return policy
