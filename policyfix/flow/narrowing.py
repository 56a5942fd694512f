"""What tests say of the values that they ask for."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from policyfix.facts import ir
from policyfix.flow.calls import Calls
from policyfix.trace import Branch
from policyfix.values import (
    NONE,
    UNKNOWN,
    Bound,
    Const,
    Either,
    Group,
    Local,
    Ref,
    Term,
    Thing,
    Value,
    either,
    group,
    is_none,
    states_of,
)


class Narrowed(NamedTuple):
    """A name, or an attribute of an instance, that holds fewer values where a test says so."""

    thing: Thing | None
    name: str
    before: Value
    now: Value


class Narrowing(Calls, ABC):
    """Knows what a test decides, and leaves names and attributes only what they can be where it holds."""

    def _truth(self, value: Value) -> bool | None:
        match value:
            case Const(value=held):
                return bool(held)
            case Group(items=items):
                return bool(items)
            case Ref() | Bound() | Local():
                return True
            case Thing(kind="instance") | Term(op="earlier"):  # a kept state: tensors, where it is not None
                return True
            case Either(options=choices):
                truths = {self._truth(o) for o in choices}
                return truths.pop() if len(truths) == 1 else None
            case _:
                return None

    @contextmanager
    def _tested(self, test: Value, span: ir.Span) -> Iterator[None]:
        """What runs where a test says so; it guards that as long as it is open."""
        place, start, guards = self._place(span), self._tick(), tuple(self._guards)
        depth = len(self._guards)
        if self._truth(test) is None:
            self._guards.append(test)
        try:
            yield
        finally:
            del self._guards[depth:]
            self._record(Branch(test, place, start, self._tick(), guards))

    def _narrow(self, test: ir.Expr, holds: bool) -> list[Narrowed]:
        """Names and attributes are what they can be where a test holds, or does not."""
        match test:
            case ir.Operation(operator="not", operands=(inner,)):
                return self._narrow(inner, not holds)
            case ir.Operation(operator="and" | "or" as operator, operands=operands):
                decided = operands if holds == (operator == "and") else ()
                return [narrowed for operand in decided for narrowed in self._narrow(operand, holds)]
            case ir.Comparison(
                left=left, operators=("is" | "is not" as operator,), rights=(ir.Literal(None),)
            ):
                if holds == (operator == "is"):
                    return self._choose(left, lambda held: held if is_none(held) is False else NONE)
                return self._choose(left, lambda held: _fitting(held, lambda o: is_none(o) is not True))
            case _:
                return self._choose(
                    test, lambda held: _fitting(held, lambda o: self._truth(o) is not (not holds))
                )

    def _choose(self, place: ir.Expr, choose: Callable[[Value], Value]) -> list[Narrowed]:
        """Leaves what is chosen of what a name or an attribute may be."""
        match place:
            case ir.Walrus(target=target):
                return self._choose(target, choose)
            case ir.Name(id=name):
                thing = None
            case ir.Attribute(value=owner, name=name) if (thing := self._thing(owner)) is not None:
                pass
            case _:
                return []
        held = self._held_at(thing, name)
        chosen = None if held is None else choose(held)
        if held is None or chosen is None or chosen is held:
            return []
        narrowed = Narrowed(thing, name, held, chosen)
        self._put_at(thing, name, narrowed.now)
        return [narrowed]

    def _held_at(self, thing: Thing | None, name: str) -> Value | None:
        return self._state.names.get(name) if thing is None else self._state.heap.get(thing, name)

    def _put_at(self, thing: Thing | None, name: str, value: Value) -> None:
        if thing is None:
            self._state.names[name] = value
        else:
            self._state.heap.put(thing, name, value)

    def _thing(self, expr: ir.Expr) -> Thing | None:
        """The instance that a name, or an attribute of one, stands for."""
        held: Value | None = None
        match expr:
            case ir.Name(id=name):
                held = self._state.names.get(name)
            case ir.Attribute(value=owner, name=name) if (thing := self._thing(owner)) is not None:
                held = self._state.heap.get(thing, name)
        return held if isinstance(held, Thing) and held.kind == "instance" else None

    def _without_graph(self, value: Value, of: Value) -> Value:
        """A value of which the recurrent states have no graph: all, or those that one value is."""
        match value:
            case Group(items=items):
                return group(self._without_graph(item, of) for item in items)
            case Either(options=options):
                return either(self._without_graph(option, of) for option in options)
            case Term() if of in (UNKNOWN, value) and any(states_of(value).values()):
                return self.term("detach", value)
            case _:
                return value


def graphs_missing(test: Value, holds: bool) -> Value | None:
    """What has no graph where a test holds, or does not: a value, or unknown for all of them."""
    while isinstance(test, Term) and test.op == "not":
        test, holds = test.args[0], not holds
    if holds or not isinstance(test, Term):
        return None
    if test.op == "torch.is_grad_enabled":
        return UNKNOWN
    return test.args[0] if test.op == ".requires_grad" else None


def _fitting(held: Value, fits: Callable[[Value], bool]) -> Value:
    """The alternatives that fit, where there are some."""
    chosen = [option for option in held.options if fits(option)] if isinstance(held, Either) else []
    return either(chosen) if chosen else held
