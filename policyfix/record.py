"""Small frozen classes, of which every run makes many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import make_dataclass
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(*, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """A frozen, slotted dataclass, compared and hashed by what it holds or, without `eq`, as it says itself.
    What a name with an underscore holds was worked out from the rest, and is not compared.

    That nobody writes to it, type checkers see to: frozen at run time, it would take three times as long to
    make. Nor does `dataclass` build it, which compiles the methods of each class anew: a third of the time
    that the tool took to start went there. There are no default factories, and no base classes with fields.
    """

    def build(cls: type[T]) -> type[T]:
        body: dict[str, Any] = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
        names = tuple(n for n, kind in cls.__annotations__.items() if "ClassVar" not in str(kind))
        given = tuple(name for name in names if name in body)
        assert names[len(names) - len(given) :] == given, "a field without a default follows one with it"
        defaults = tuple([body.pop(name) for name in given])
        body["__slots__"] = body["__match_args__"] = names
        body["__init__"] = FunctionType(_constructor(names), {}, "__init__", defaults)
        body["__reduce__"] = lambda self: (made, tuple([getattr(self, name) for name in names]))
        body["__repr__"] = _shown
        body["__dataclass_fields__"] = _Fields()
        if eq:
            compared = [name for name in names if not name.startswith("_")]
            held = attrgetter(*compared) if compared else lambda _: ()
            body["__eq__"] = lambda self, other: type(other) is made and held(self) == held(other)
            body["__hash__"] = lambda self: hash(held(self))
        made: type[T] = type(cls.__name__, cls.__bases__, body)
        made.__qualname__ = cls.__qualname__
        return made

    return build


def _constructor(names: tuple[str, ...]) -> CodeType:
    """`def __init__(self, a, b): self.a = a; self.b = b`."""
    return _constructor_of(len(names)).replace(co_varnames=("self", *names), co_names=names)


@cache
def _constructor_of(count: int) -> CodeType:
    """The constructor of all records with so many fields: they differ in names alone."""
    names = [f"_{number}" for number in range(count)]
    stores = "; ".join(f"self.{name} = {name}" for name in names) or "pass"
    scope: dict[str, Any] = {}
    exec(f"def __init__({', '.join(['self', *names])}): {stores}", scope)
    code: CodeType = scope["__init__"].__code__
    return code


class _Fields:
    """What `dataclasses.fields`, `replace` and `asdict` ask a class for: made when they do."""

    def __get__(self, _: object, cls: Any) -> Any:
        kinds = [(name, cls.__annotations__[name]) for name in cls.__match_args__]
        shadow: Any = make_dataclass(cls.__name__, kinds)
        cls.__dataclass_fields__ = shadow.__dataclass_fields__
        return cls.__dataclass_fields__


def _shown(self: Any) -> str:
    named = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__name__}({named})"
