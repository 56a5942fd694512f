from .agents import BoxAgent, SetAgent
from .build import build_agent
from .config import AgentConfig

__all__ = ["AgentConfig", "BoxAgent", "SetAgent", "build_agent"]
