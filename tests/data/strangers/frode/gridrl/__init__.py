from .registry import build, known
from . import plain, boxes, scales, heads, clipping  # noqa: F401  (they register themselves)

__all__ = ["build", "known"]
