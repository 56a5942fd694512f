"""corelib: composable recurrent agents."""

from .agents import CompactAgent, MappedAgent, StandardAgent
from .assembly import assemble
from .core.registry import AGENTS, register

__all__ = ["AGENTS", "CompactAgent", "MappedAgent", "StandardAgent", "assemble", "register"]
