from jelle import raptors, solo  # noqa: F401  (they register themselves)
from jelle.registry import make

__all__ = ["make"]
