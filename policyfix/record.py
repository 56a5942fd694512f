"""Small frozen classes, of which every run makes many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(*, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """A frozen, slotted dataclass, compared and hashed by what it holds or, without `eq`, as it says itself.

    That nobody writes to it, type checkers see to: frozen at run time, it would take three times as long to
    make. Nor are its methods compiled one by one: half of the time that the tool took to start went there.
    """

    def build(cls: type[T]) -> type[T]:
        cls.__doc__ = cls.__doc__ or cls.__name__  # dataclass would work out a signature to put there
        made = dataclass(slots=True, eq=False, repr=False)(cls)
        names = made.__match_args__  # type: ignore[attr-defined]
        if eq:
            held = attrgetter(*names) if names else lambda _: ()
            made.__eq__ = lambda self, other: type(other) is made and held(self) == held(other)  # type: ignore
            made.__hash__ = lambda self: hash(held(self))  # type: ignore
        made.__repr__ = _shown  # type: ignore
        return made

    return build


def _shown(self: Any) -> str:
    named = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__name__}({named})"
