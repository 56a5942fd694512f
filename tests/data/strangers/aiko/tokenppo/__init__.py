from .agent import Agent
from .factory import make_agent
from .pixel import ConvAgent
from .wide import WideAgent

__all__ = ["Agent", "ConvAgent", "WideAgent", "make_agent"]
