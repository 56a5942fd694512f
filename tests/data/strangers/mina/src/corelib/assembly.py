from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .core.bases import RecurrentAgent
from .core.registry import AGENTS

#: What belongs to the assembly, not to the agent.
RESERVED = frozenset({"agent_type", "_target_"})


def assemble(env, config: Mapping[str, Any]) -> RecurrentAgent:
    """Builds the agent that `config["agent_type"]` names; every other entry is an argument of its constructor."""
    try:
        factory = AGENTS[config["agent_type"]]
    except KeyError as error:
        raise LookupError(f"no agent {error}; there are {sorted(AGENTS)}") from None
    return factory(env, **{name: entry for name, entry in config.items() if name not in RESERVED})
