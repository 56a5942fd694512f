"""What a run of a class shows: events in the order in which they happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from policyfix.facts import ir
from policyfix.heap import Heap
from policyfix.record import record
from policyfix.shapes import Shapes
from policyfix.values import UNKNOWN, Term, Thing, Value


@record()
class Place:
    """Where something happens: file, function as written, and source range."""

    path: str
    symbol: str
    span: ir.Span
    function: ir.FunctionFacts | None = None  # the function that it stands in


@record(eq=False)
class KeyRead:
    tensordict: Value
    key: str
    place: Place
    order: int


@record(eq=False)
class KeyWrite:
    """`key` is None where it is computed; `guards` are the undecided tests around it."""

    tensordict: Value
    key: str | None
    value: Value
    place: Place
    order: int
    guards: tuple[Value, ...] = ()


@record(eq=False)
class Store:
    """A value kept on an instance, directly or inside a container that it holds."""

    thing: Thing
    attribute: str
    value: Value
    place: Place
    order: int
    registered: bool = False  # as a buffer, a parameter or a module


@record(eq=False)
class InPlace:
    """A tensor overwritten in place; `mask` is the index of a subscript store, `names` what the names of the
    function stand for."""

    target: Value
    mask: Value | None
    value: Value
    how: str  # "subscript", "method", "augmented"
    place: Place
    order: int
    names: Mapping[str, Value]
    operation: str = ""  # `clamp_`, `copy_`; "data" for `x.data = value`
    arguments: tuple[Value, ...] = ()  # of the operation, without the target
    tracked: bool = True  # autograd records


@record(eq=False)
class CoreCall:
    core: Term
    input: Value
    state: Value
    result: Term
    place: Place
    order: int

    @property
    def kind(self) -> str:
        return self.core.op.removeprefix("new:")


@record(eq=False)
class Compared:
    left: Value
    operator: str
    right: Value
    result: Value
    place: Place
    order: int


@record(eq=False)
class Branch:
    """A test; the terms that its branches made came up between `order` and `end`."""

    test: Value
    place: Place
    order: int
    end: int
    guards: tuple[Value, ...] = ()  # the undecided tests around it


@record(eq=False)
class Lookup:
    """An entry of a dict or list, read or written by an index that is no constant."""

    container: Thing
    index: Value
    place: Place
    order: int


@record(eq=False)
class Returned:
    """What the called method gives back to its caller, at one of its ends."""

    value: Value
    place: Place
    order: int


@record(eq=False)
class Escape:
    """A value handed to something that is not understood."""

    value: Value
    place: Place
    order: int


@record(eq=False)
class Called:
    """A call of a library's function, of a builtin or of a tensor's method.

    `guards` are the undecided tests that it runs under, and the devices that it makes tensors on. `names`
    says what the names of the function stand for, where the call may wait for the device."""

    name: str  # "torch.zeros", "int"; ".item" for a method, whose first argument is the receiver
    arguments: tuple[Value, ...]  # a keyword one is the term `=name`
    result: Value
    guards: tuple[Value, ...]
    place: Place
    order: int
    names: Mapping[str, Value]


@record(eq=False)
class Unfollowed:
    """A call of something that is not understood: it may do anything to what it can reach."""

    callee: Value
    place: Place
    order: int


@record(eq=False)
class Rebound:
    """An attribute of a torch module that is set to another value."""

    module: Term
    attribute: str
    value: Value
    place: Place
    order: int


@record(eq=False)
class NetCall:
    """A method of a net that the policy holds, called with these arguments."""

    attribute: str
    method: str
    arguments: tuple[Value, ...]
    result: Value
    place: Place
    order: int


@record()
class Region:
    """A part of a run: one pass of a loop, one arm of a branch, what one entry from outside does. `site` is
    shared by the passes, or the arms, of one statement in one run of it; `number` tells them apart."""

    kind: str  # "pass", "arm", "entry"
    site: int
    number: int


@record(eq=False)
class Invocation:
    """A call, as the code around a policy makes them: of a method, of a value, of a function."""

    receiver: Value | None  # None for functions
    name: str  # of the method, `__call__` where a value is called; of a function with its module
    arguments: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    open_ended: bool  # `*` or `**` brings arguments that are not known
    result: Value
    spelling: str  # the receiver as written, where it is a dotted name: `self.policy`
    within: tuple[Region, ...]
    followed: bool  # whether what it does is seen in the events that follow
    place: Place
    order: int

    def keyword(self, name: str) -> Value | None:
        return next((value for key, value in self.keywords if key == name), None)


@record(eq=False)
class Carried:
    """A loop gives a name, or an element of a tensor, a value that is made from its earlier one."""

    value: Value
    place: Place
    order: int


@record(eq=False)
class CopyWrite:
    """A write into `owner[index]`, by a method or an assignment, that reaches nothing else: where indexing
    copies, it is lost."""

    owner: Value
    index: Value
    method: str | None
    place: Place
    order: int


# Calls by which the host may wait for what a tensor holds.
WAITING = frozenset({".item", ".tolist", ".numpy", ".cpu", "bool", "int", "float"})

E = TypeVar("E", bound="Event")

Event = (
    KeyRead
    | KeyWrite
    | Store
    | InPlace
    | CoreCall
    | Compared
    | Returned
    | Escape
    | Called
    | Branch
    | Lookup
    | Unfollowed
    | Rebound
    | NetCall
    | Invocation
    | Carried
    | CopyWrite
)


@dataclass(eq=False)
class Trace:
    """What one run showed. `complete` is False where the run was cut short or not understood, `returns` where
    every path raises; `lacks` is True where one does, for want of an entry of the TensorDict."""

    events: list[Event] = field(default_factory=list)
    returned: Value = UNKNOWN
    heap: Heap = field(default_factory=Heap)
    complete: bool = True
    returns: bool = True
    lacks: bool = False
    shapes: Shapes = field(default_factory=lambda: Shapes({}))
    _of: dict[type[Any], list[Any]] = field(default_factory=dict)

    def of(self, kind: type[E]) -> list[E]:
        """The events of a kind, in order; to be asked once the run is over."""
        found = self._of.get(kind)
        if found is None:
            found = self._of[kind] = [e for e in self.events if isinstance(e, kind)]
        return found
