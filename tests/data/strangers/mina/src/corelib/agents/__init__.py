from .compact import CompactAgent
from .mapped import MappedAgent
from .standard import StandardAgent

__all__ = ["CompactAgent", "MappedAgent", "StandardAgent"]
