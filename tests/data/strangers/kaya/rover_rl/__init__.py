"""Reinforcement learning for the grid rover."""

from .bringup import MissionConfig, spawn_policy

__all__ = ["MissionConfig", "spawn_policy"]
