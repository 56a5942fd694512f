from __future__ import annotations

from typing import Callable, TypeVar

from torch import nn

P = TypeVar("P", bound=type[nn.Module])

POLICIES: dict[str, type[nn.Module]] = {}


def register(name: str) -> Callable[[P], P]:
    def enter(cls: P) -> P:
        if name in POLICIES:
            raise ValueError(f"two policies are called {name}")
        POLICIES[name] = cls
        return cls

    return enter
