from crew.registry import create

__all__ = ["create"]
