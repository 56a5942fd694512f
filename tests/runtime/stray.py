"""What a module holds, wherever it keeps it."""

from torch import Tensor, nn


def stray(value: object, seen: set[int]) -> list[Tensor]:
    """Every tensor that can be reached from a module, plain attributes and containers included."""
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, nn.Module):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    return [t for one in value for t in stray(one, seen)] if isinstance(value, list | tuple | set) else []
