"""What a run of a class keeps: its names and contents, the terms that came up, the events on record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from policyfix.facts import ir
from policyfix.heap import Heap
from policyfix.project import LinkedClass, Module, Symbol
from policyfix.remembered import remembered
from policyfix.shapes import Shapes
from policyfix.trace import WAITING, Called, Escape, Event, InPlace, KeyWrite, Place, Trace, Unfollowed
from policyfix.values import NONE, Const, Ref, Term, Thing, Unknown, Value, either, forget, options

Kind = tuple[LinkedClass, tuple[str, ...]]  # of objects: the class, and the attributes that they have


@dataclass(eq=False)
class Frame:
    """One call: where its names are looked up."""

    module: Module
    owner: LinkedClass | None
    function: ir.FunctionFacts
    receiver: Value | None
    exits: list[tuple[Value, State]] = field(default_factory=list)
    yielded: list[Value] = field(default_factory=list)
    loops: list[dict[str, list[State]]] = field(default_factory=list)  # at `break`, at `continue`
    symbols: dict[str, Symbol] = field(default_factory=dict)  # local imports
    shared: set[str] = field(default_factory=set)  # global and nonlocal names

    @property
    def symbol(self) -> str:
        return self.function.qualname


@dataclass(eq=False)
class State:
    """Names and contents at one point of one path."""

    names: dict[str, Value]
    heap: Heap
    alive: bool = True

    def copy(self) -> State:
        return State(dict(self.names), self.heap.copy(), self.alive)


class Machine:
    """Where a run stands, and what is asked of it and set between its calls."""

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        """`absent`: keys that the forward's TensorDict does not have."""
        forget()
        self._absent = absent
        self.trace = Trace()
        self.shapes = Shapes({})  # of what the next call gives
        self._terms: dict[tuple[object, ...], Term] = {}
        self._clock = 0
        self._stack: list[Frame] = []
        self._no_grad = 0
        self._guards: list[Value] = []  # undecided tests that what runs now depends on
        self._state = State({}, Heap())
        self._at = ir.NOWHERE  # the statement or call that is being run
        self._made: dict[Term, tuple[Frame, ir.Span]] = {}
        self._awaited: set[tuple[Thing, str]] = set()  # attributes that somebody else sets

    def instances(self, root: Thing) -> dict[tuple[str, ...], Thing]:
        """The instance and those that it holds, by the attributes that lead to them."""
        found: dict[tuple[str, ...], Thing] = {(): root}
        todo: list[tuple[str, ...]] = [()]
        while todo:
            way = todo.pop()
            for name, held in self._state.heap.of(found[way]).items():
                for option in options(held):
                    known = not isinstance(option, Thing) or option in found.values()
                    if isinstance(option, Thing) and option.kind == "instance" and not known:
                        found[(*way, name)] = option
                        todo.append((*way, name))
        return found

    def recall(self, root: Thing, attributes: Mapping[tuple[str, ...], Iterable[Kind]]) -> None:
        """Attributes, by the way that leads to them, hold what an earlier call stored there, in objects of
        some kinds or as it is, or what they were built with."""
        instances = self.instances(root)
        for way, kinds in attributes.items():
            thing = instances.get(way[:-1])
            if thing is None:
                continue
            earlier = self.term("earlier", Const(".".join(way)))
            kept = either([self._remade(kind, earlier) for kind in kinds] or [earlier])
            held = self._state.heap.get(thing, way[-1]) or NONE
            for option in options(held):
                if isinstance(option, Thing) and option.cls is None:
                    self._refill(option, kept)
            if not all(isinstance(o, Thing) for o in options(held)):
                self._state.heap.put(thing, way[-1], either([held, kept]))

    def _refill(self, container: Thing, kept: Value) -> None:
        """What an earlier call left in a container, or in those that it holds."""
        inner = False
        for name, held in list(self._state.heap.of(container).items()):
            nested = [o for o in options(held) if isinstance(o, Thing) and o.cls is None]
            for other in nested:
                self._refill(other, kept)
            inner = inner or bool(nested)
            if not nested:
                self._state.heap.put(container, name, either([held, kept]))
        if not inner:
            self._state.heap.put(container, "*", kept)

    def _remade(self, kind: Kind, earlier: Term) -> Thing:
        """An object as an earlier call left it: its attributes are what a tuple's items are."""
        cls, names = kind
        made = Thing("instance", cls)
        for number, name in enumerate(names):
            self._state.heap.put(made, name, self.term("index", earlier, Const(number)))
        return made

    def obscure(self, root: Thing, attributes: Iterable[tuple[str, ...]]) -> None:
        """Attributes, by the way that leads to them, may hold something that is not understood as well."""
        instances = self.instances(root)
        for way in attributes:
            thing = instances.get(way[:-1])
            if thing is None:
                continue
            unclear = self.term("attribute", thing, Const(way[-1]))
            held = self._state.heap.get(thing, way[-1]) or NONE
            containers = [o for o in options(held) if isinstance(o, Thing) and o.kind in ("dict", "list")]
            for place in [(c, "*") for c in containers] or [(thing, way[-1])]:
                self._state.heap.put(*place, either([self._state.heap.get(*place) or NONE, unclear]))

    def replace(self, thing: Thing, attribute: str, value: Value) -> None:
        """Somebody gives an attribute another value."""
        self._state.heap.put(thing, attribute, value)

    def leave_open(self, thing: Thing, attributes: Iterable[str]) -> None:
        """Attributes that somebody else sets before the next call: None is just where they start, in the
        constructor or in the body of the class."""
        for name in attributes:
            if self._state.heap.get(thing, name) in (None, NONE):
                self._state.heap.drop(thing, name)
                self._awaited.add((thing, name))

    def open_flags(self, root: Thing) -> None:
        """Flags and numbers that a method gives another value are not what the constructor set, after the
        first call at the latest."""
        for thing in self.instances(root).values():
            for cls in () if thing.cls is None else thing.cls.linked:
                for name, value in (c for f in cls.facts.functions for c in _given(f)):
                    held = self._state.heap.get(thing, name)
                    if isinstance(held, Const) and held not in (NONE, value):
                        self._state.heap.drop(thing, name)

    def term(self, op: str, *args: Value) -> Term:
        key = (op, *args)
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = Term(op, args, self._tick())
            if self._stack:
                self._made[found] = (self._frame, self._at)
        return found

    def place_of(self, term: Term) -> Place | None:
        """Where a term first came up; None for what the caller brought."""
        if term not in self._made:
            return None
        frame, span = self._made[term]
        return Place(frame.module.path, frame.symbol, span, frame.function)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What happens inside does not change what the instance holds afterwards."""
        before = self._state.copy()
        try:
            yield
        finally:
            self._state = before

    @property
    def held(self) -> Heap:
        """What instances and containers hold."""
        return self._state.heap.copy()

    @property
    def terms(self) -> Iterable[Term]:
        """Every term that came up."""
        return self._terms.values()

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    @property
    def _frame(self) -> Frame:
        return self._stack[-1]

    def _place(self, span: ir.Span) -> Place:
        frame = self._stack[-1]
        return Place(frame.module.path, frame.symbol, span, frame.function)

    def _record(self, event: Event) -> None:
        self.trace.events.append(event)

    def _leave(self, callee: Value, arguments: Iterable[Value], span: ir.Span) -> None:
        """A call that is not followed."""
        self._record(Unfollowed(callee, self._place(span), self._tick()))
        self._escape(arguments, span)

    def _write(self, td: Value, key: str | None, value: Value, span: ir.Span) -> None:
        """Records an entry written into a TensorDict."""
        place, guards = self._place(span), tuple(self._guards)
        self._record(KeyWrite(td, key, value, place, self._tick(), guards))

    def _escape(self, values: Iterable[Value], span: ir.Span) -> None:
        for value in values:
            if not isinstance(value, (Const, Unknown, Ref)):
                self._record(Escape(value, self._place(span), self._tick()))

    def _overwrite(
        self,
        target: Value,
        value: Value,
        how: str,
        span: ir.Span,
        mask: Value | None = None,
        operation: str = "",
        arguments: Iterable[Value] = (),
    ) -> None:
        """Records that a tensor is overwritten in place."""
        tracked = self._no_grad == 0
        place, order, names = self._place(span), self._tick(), dict(self._state.names)
        given = tuple(arguments)
        self._record(InPlace(target, mask, value, how, place, order, names, operation, given, tracked))

    def _called(self, name: str, arguments: Iterable[Value], result: Value, span: ir.Span) -> Value:
        guards = tuple(self._guards)
        names = dict(self._state.names) if name in WAITING else {}
        self._record(Called(name, tuple(arguments), result, guards, self._place(span), self._tick(), names))
        return result

    @contextmanager
    def _guarded_by(self, test: Value) -> Iterator[None]:
        depth = len(self._guards)
        self._guards.append(test)
        try:
            yield
        finally:
            del self._guards[depth:]


@remembered
def _given(function: ir.FunctionFacts) -> frozenset[tuple[str, Const | None]]:
    """Attributes that a method gives a value, with the constant where it is one. A constructor's do not
    count: they are what an instance starts with."""
    if function.name == "__init__" or not function.parameters:
        return frozenset()
    receiver = ir.Name(function.parameters[0].name)
    found: set[tuple[str, Const | None]] = set()
    for node in function.nodes:
        match node:
            case ir.Assign(targets=targets, value=value):
                constant = Const(value.value) if isinstance(value, ir.Literal) else None
            case ir.AugAssign(target=target):
                targets, constant = (target,), None
            case _:
                continue
        for part in ir.nodes(targets):
            if isinstance(part, ir.Attribute) and part.value == receiver:
                found.add((part.name, constant))
    return frozenset(found)
