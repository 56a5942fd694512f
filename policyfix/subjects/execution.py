"""A policy class, built and run: what it keeps from one call to the next, and what it does with a config."""

from __future__ import annotations

from collections.abc import Iterator

from policyfix.flow.machine import Kind
from policyfix.flow.run import Run
from policyfix.heap import Heap
from policyfix.record import record
from policyfix.trace import Branch, CoreCall, Escape, KeyWrite, Store, Trace
from policyfix.values import (
    NONE,
    Const,
    Term,
    Thing,
    Unknown,
    Value,
    is_new_tensordict,
    key_of,
    parts,
    reach,
    state_part,
    states_of,
    walk,
)

Way = tuple[str, ...]  # the attributes that lead from the instance to one of its own, or of what it holds
Ways = tuple[Way, ...]
Kept = dict[Way, frozenset[Kind]]


@record(eq=False)
class Execution:
    """One instance, built and run."""

    run: Run
    instance: Thing
    construction: Trace
    rollout: Trace
    training: Trace
    last: int  # the order of its last operation

    def stores(self) -> Iterator[Store]:
        """Stores on any instance that carry a recurrent state, or a container or a new TensorDict that holds
        one in the end."""
        for trace in (self.rollout, self.training):
            filled = _filled(trace)
            for store in trace.of(Store):
                held = trace.heap.contents(store.value) if store.thing.kind == "instance" else ()
                if any(part in filled or states_of(part) for part in held):
                    yield store

    def places(self) -> tuple[Kept, Ways]:
        """Attributes of the instance, and of the instances that it holds, that keep a recurrent state, with
        the kinds of objects that it is kept in; and those that keep, perhaps, what became of one in code that
        is not understood, or what an earlier call was given."""
        ways = {thing: way for way, thing in self.run.instances(self.instance).items()}
        kept: Kept = {}
        for store in self.stores():
            if store.thing in ways:
                trace = self.rollout if store in self.rollout.of(Store) else self.training
                way = (*ways[store.thing], store.attribute)
                kept[way] = kept.get(way, frozenset()) | _objects(store.value, trace)
        traces = [trace for trace in (self.rollout, self.training) if trace.of(CoreCall)]
        before = self.run.held
        unclear = {
            (*ways[s.thing], s.attribute)
            for trace in traces
            for filled in [_filled(trace)]
            for s in trace.of(Store)
            if s.thing in ways and (_is_unclear(s, trace, filled) or _is_told(s, before))
        }
        return dict(sorted(kept.items())), tuple(sorted(unclear - kept.keys()))


@record(eq=False)
class Configured:
    """An instance that was built from a config, and what a method of it did."""

    instance: Thing
    construction: Trace
    trace: Trace
    terms: tuple[Term, ...]

    @property
    def held(self) -> Iterator[Value]:
        """What the instance holds when it is built, at any depth: not what was replaced meanwhile."""
        heap = self.construction.heap
        return reach(self.instance, lambda v: heap.of(v).values() if isinstance(v, Thing) else parts(v))

    def notices(self, value: Term) -> bool:
        """Whether a value that the constructor was given is looked at, kept or handed on at all. A dict that
        it is an entry of may be asked for other names."""
        holders: set[Value] = {value}
        heap = self.construction.heap
        while grown := {
            thing for thing, _, v in heap.items() if thing not in holders and not holders.isdisjoint(walk(v))
        }:
            holders |= grown
        if any(isinstance(h, Thing) and h.kind == "instance" for h in holders):
            return True
        asked = {
            term
            for term in self.terms
            if term.op in ("comparein", "comparenot in") and isinstance(term.args[0], Const)
        }
        seen: list[Value] = [part for term in self.terms if term not in asked for part in term.args]
        seen += [e.value for e in self.construction.of(Escape)]
        seen += [e.test for e in self.construction.of(Branch) if e.test not in asked]
        return any(not holders.isdisjoint(walk(v, lambda term: term not in asked)) for v in seen)


def _objects(value: Value, trace: Trace) -> frozenset[Kind]:
    """The kinds of objects in which a value keeps recurrent states."""
    things = [part for part in trace.heap.contents(value) if isinstance(part, Thing)]
    return frozenset(
        (thing.cls, tuple(trace.heap.of(thing)))
        for thing in things
        if thing.cls is not None and any(map(states_of, trace.heap.of(thing).values()))
    )


def _filled(trace: Trace) -> set[Value]:
    """New TensorDicts with a recurrent state in them, or with rows of one that has."""
    written = [e for e in trace.of(KeyWrite) if is_new_tensordict(e.tensordict)]
    filled: set[Value] = {e.tensordict for e in written if states_of(e.value)}
    while more := {e.tensordict for e in written if not filled.isdisjoint(walk(e.value))} - filled:
        filled |= more
    return filled


def _is_told(store: Store, before: Heap) -> bool:
    """Whether an attribute that starts as None keeps something of what forward was given: the next call finds
    another one."""
    return before.get(store.thing, store.attribute) == NONE and any(
        key_of(part) is not None for part in walk(store.value, lambda term: term.op != "core")
    )


def _is_unclear(store: Store, trace: Trace, filled: set[Value]) -> bool:
    """Whether what is stored is not known, or made of a recurrent state by an operation that may give one, or
    one of the TensorDicts that are filled with such."""
    return any(
        isinstance(part, Unknown)
        or (isinstance(part, Term) and (state_part(part) is not None or part in filled))
        for value in trace.heap.contents(store.value)
        for part in walk(value, lambda term: term.op != "core")
    )
