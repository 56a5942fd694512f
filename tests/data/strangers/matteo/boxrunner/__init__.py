"""Agents that look at a token grid through a box."""
from boxrunner.zoo import AGENTS, build

__all__ = ["AGENTS", "build"]
