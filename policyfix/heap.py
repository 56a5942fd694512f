"""What instances, dicts and lists hold, at one point of one path."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

from policyfix.values import Either, Group, Term, Thing, Value, either, options, parts, reach

_NOTHING: Mapping[str, Value] = MappingProxyType({})


class Heap:
    """Values by the thing that holds them and the name there: an attribute, a key of a dict, or "*" for the
    elements of a list and for keys that are not known. A copy costs as much as there are things: both share
    what each of them holds until one changes it."""

    __slots__ = ("_held", "_own")

    def __init__(self) -> None:
        self._held: dict[Thing, dict[str, Value]] = {}
        self._own: set[Thing] = set()  # whose contents no other heap shares

    def copy(self) -> Heap:
        copied = Heap()
        copied._held = dict(self._held)
        self._own.clear()
        return copied

    def of(self, thing: Value) -> Mapping[str, Value]:
        """What a thing holds: a view, not to be kept over a change."""
        return self._held.get(thing, _NOTHING) if isinstance(thing, Thing) else _NOTHING

    def get(self, thing: Thing, name: str) -> Value | None:
        held = self._held.get(thing)
        return None if held is None else held.get(name)

    def things(self) -> Iterable[Thing]:
        """Whatever holds something, in the order in which it came to."""
        return self._held

    def items(self) -> Iterator[tuple[Thing, str, Value]]:
        for thing, contents in self._held.items():
            for name, value in contents.items():
                yield thing, name, value

    def holding(
        self, values: Collection[Value], at_any_depth: bool = False
    ) -> list[tuple[Thing, str, Value]]:
        """Where one of the values is held, alone or as one of several, with what is held there; at any depth
        of tuples, too."""
        sought = set(values)
        inner = _in_tuples if at_any_depth else options
        return [
            (thing, name, held)
            for thing, contents in self._held.items()
            for name, held in contents.items()
            if held in sought or (_is_several(held) and not sought.isdisjoint(inner(held)))
        ]

    def contents(self, value: Value) -> list[Value]:
        """The value, and what it holds at any depth: in tuples, dicts, lists, objects that are no modules."""

        def held(current: Value) -> Iterable[Value]:
            if isinstance(current, Thing):
                is_module = current.cls is not None and current.cls.is_module
                return () if is_module else self.of(current).values()
            return parts(current) if isinstance(current, (Group, Either)) else ()

        return list(reach(value, held))

    def put(self, thing: Thing, name: str, value: Value) -> None:
        self._changing(thing)[name] = value

    def update(self, thing: Thing, contents: Mapping[str, Value]) -> None:
        self._changing(thing).update(contents)

    def drop(self, thing: Thing, name: str) -> None:
        self._changing(thing).pop(name, None)

    def clear(self, thing: Thing) -> None:
        self._held.pop(thing, None)

    def _changing(self, thing: Thing) -> dict[str, Value]:
        contents = self._held.get(thing)
        if contents is None:
            contents = self._held[thing] = {}
            self._own.add(thing)
        elif thing not in self._own:
            contents = self._held[thing] = dict(contents)
            self._own.add(thing)
        return contents


def joined(heaps: list[Heap]) -> Heap:
    """What things hold after paths that come together."""
    first, *others = heaps
    whole = first.copy()
    for other in others:
        for thing, contents in other._held.items():
            held = whole._held.setdefault(thing, contents)
            if held is not contents:
                whole._held[thing] = either_of([held, contents])
                whole._own.add(thing)
                if thing.kind == "dict":
                    whole._held[thing].update(_unnamed(held, contents) | _unnamed(contents, held))
        other._own.clear()
    return whole


def _unnamed(contents: Mapping[str, Value], other: Mapping[str, Value]) -> dict[str, Value]:
    """What entries may be that the other path names: where this one knows of some, and not under which keys,
    these too."""
    unnamed = contents.get("*")
    missing = () if unnamed is None else other.keys() - contents.keys()
    return {name: either([other[name], unnamed]) for name in missing if unnamed is not None}


def _is_several(value: Value) -> bool:
    """Whether a value is one of several, several, or each of something: `tuple(made() for ...)`."""
    return isinstance(value, (Either, Group)) or (isinstance(value, Term) and value.op == "each")


def _in_tuples(value: Value) -> Iterator[Value]:
    """The value, its alternatives, and what tuples hold of them: `(h, c)`."""
    return reach(value, lambda current: parts(current) if _is_several(current) else ())


K = TypeVar("K")


def either_of(contents: list[dict[K, Value]]) -> dict[K, Value]:
    """What each name holds after paths that come together: mostly what it held before they parted."""
    first, *others = contents
    whole = dict(first)
    for other in others:
        for name, value in other.items():
            held = whole.setdefault(name, value)
            if held is not value:
                whole[name] = either([held, value])
    return whole
