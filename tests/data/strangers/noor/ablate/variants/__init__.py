from ..agent import GridMemoryAgent
from .encoders import CountedAgent, NormedAgent
from .heads import MeanHeadAgent
from .memory import StickyAgent

VARIANTS = {
    "full": GridMemoryAgent,
    "normed": NormedAgent,
    "mean_head": MeanHeadAgent,
    "sticky": StickyAgent,
    "counted": CountedAgent,
}

__all__ = ["VARIANTS", "CountedAgent", "GridMemoryAgent", "MeanHeadAgent", "NormedAgent", "StickyAgent"]
