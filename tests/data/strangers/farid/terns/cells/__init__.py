from terns.cells.mingru import MinGRU
from terns.cells.slstm import SLSTM

__all__ = ["MinGRU", "SLSTM"]
