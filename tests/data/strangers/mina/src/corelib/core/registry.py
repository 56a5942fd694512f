from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=type)


class Registry(dict[str, type]):
    def register(self, name: str) -> Callable[[T], T]:
        def decorate(cls: T) -> T:
            if name in self:
                raise KeyError(f"{name} is registered twice")
            self[name] = cls
            return cls

        return decorate


AGENTS = Registry()
register = AGENTS.register
