"""One agent and what is left of it when parts are taken away."""

from .agent import GridMemoryAgent
from .variants import VARIANTS

__all__ = ["VARIANTS", "GridMemoryAgent"]
