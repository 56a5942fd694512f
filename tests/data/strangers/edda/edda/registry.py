"""Name -> agent class."""

from typing import Callable, Dict, Type

AGENTS: Dict[str, Type] = {}


def register(name: str) -> Callable[[Type], Type]:
    def wrap(cls: Type) -> Type:
        if name in AGENTS:
            raise KeyError(f"two agents want to be called {name!r}")
        AGENTS[name] = cls
        return cls

    return wrap
