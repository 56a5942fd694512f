"""Recurrent agents for grid worlds."""

from .config import CoreConfig, PolicyConfig
from .policies import GridGRU, GridLSTM, QuickGRU

__all__ = ["CoreConfig", "GridGRU", "GridLSTM", "PolicyConfig", "QuickGRU"]
