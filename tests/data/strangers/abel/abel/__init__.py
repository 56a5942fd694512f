"""Row-table agents for the token world."""
from .registry import make

__all__ = ["make"]
