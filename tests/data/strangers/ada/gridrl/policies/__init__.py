from .gru import GridGRU
from .lstm import GridLSTM
from .quick import QuickGRU

__all__ = ["GridGRU", "GridLSTM", "QuickGRU"]
