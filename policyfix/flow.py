"""Follows values through the methods of one linked class, as a trainer would call them.

The class is built and its forward is run over symbolic values: what it reads from and writes to the
TensorDict, what it stores on itself, what it overwrites in place, what its recurrent cores receive and where
their states go. Calls to its own methods, its bases, its nets and the project's functions are followed;
both sides of a branch are, where the test cannot be decided. What is not understood becomes `UNKNOWN`, and
what is handed to something not understood is recorded as `Escape`. Bounded in depth and in work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from policyfix.facts import ir
from policyfix.heap import Heap, either_of, joined
from policyfix.project import External, FunctionRef, LinkedClass, Module, Symbol, Unresolved
from policyfix.shapes import Shapes
from policyfix.trace import (
    Branch,
    Called,
    Compared,
    CoreCall,
    Escape,
    Event,
    InPlace,
    KeyRead,
    KeyWrite,
    Lookup,
    NetCall,
    Place,
    Rebound,
    Returned,
    Store,
    Trace,
    Unfollowed,
)
from policyfix.values import (
    CORES,
    MAX_ALTERNATIVES,
    MODULE_CONTAINERS,
    NONE,
    TENSORDICTS,
    UNKNOWN,
    VIEWS,
    Bound,
    Const,
    Either,
    Group,
    Local,
    Method,
    Ref,
    Super,
    Term,
    Thing,
    Unknown,
    Value,
    either,
    forget,
    group,
    is_keyword,
    is_module,
    is_none,
    is_tensordict,
    options,
    storage,
    submodules,
)
from policyfix.values import keywords as keywords_in

MAX_DEPTH = 24
MAX_STEPS = 60_000

# Methods of a TensorDict that write nothing into it and give a TensorDict over the same entries.
TENSORDICT_VIEWS = frozenset(
    "reshape view flatten unflatten unsqueeze squeeze permute transpose to clone copy select exclude "
    "expand detach contiguous cpu cuda flatten_keys unflatten_keys".split()
)
TENSORDICT_READS = frozenset(
    "keys items values numel dim size ndimension batch_dims batch_size device is_empty shape names "
    "to_dict is_locked dtype ndim __contains__".split()
)
# Those that leave entries out.
_CHOOSING = frozenset("td.select td.exclude td.index".split())
NO_GRAD = frozenset(
    {"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad", "torch.autograd.inference_mode"}
)
# Decorators that make a context manager of a generator.
MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
# Decorators that leave what a function does as it stands.
PLAIN_DECORATORS = frozenset(
    {
        "torch._dynamo.disable",
        "torch.compiler.disable",
        "torch.compile",
        "torch.jit.script",
        "torch.jit.script_if_tracing",
        "torch.jit.ignore",
        "torch.jit.export",
        "torch.jit.unused",
        "typing.override",
        "typing_extensions.override",
        "typing.no_type_check",
        "abc.abstractmethod",
        "override",
        "staticmethod",
        "classmethod",
        "property",
        "functools.cached_property",
    }
    | NO_GRAD
    | MANAGERS
)
# Methods that change which modules a container of modules holds.
CHANGING = frozenset("append extend insert add_module register_module pop __setitem__".split())
# Packages whose functions neither keep nor change the tensors that they are given (in-place spellings apart).
PURE_PACKAGES = frozenset(
    "torch einops numpy np math logging warnings typing copy itertools functools operator gymnasium "
    "gym collections dataclasses time os re jaxtyping torchvision".split()
)


Kind = tuple[LinkedClass, tuple[str, ...]]  # of objects: the class, and the attributes that they have


class _ExhaustedError(Exception):
    """The run took more steps than it may."""


# --------------------------------------------------------------------------------------------- frames


@dataclass(eq=False)
class Frame:
    """One call: where its names are looked up."""

    module: Module
    owner: LinkedClass | None
    function: ir.FunctionFacts
    receiver: Value | None
    exits: list[tuple[Value, State]] = field(default_factory=list)
    loops: list[list[State]] = field(default_factory=list)
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


@dataclass(eq=False)
class _Block:
    """The body of a `with` statement, and the names that it sees."""

    depth: int
    body: tuple[ir.Stmt, ...]
    target: ir.Expr | None
    span: ir.Span
    names: dict[str, Value]
    is_done: bool = False
    is_left: bool = False


class Run:
    """One symbolic execution. Build the instance first, then call its methods."""

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        """`absent`: keys that the forward's TensorDict does not have."""
        forget()
        self._absent = absent
        self.trace = Trace()
        self.shapes = Shapes({})  # of what the next call gives
        self._terms: dict[tuple[object, ...], Term] = {}
        self._clock = 0
        self._steps = 0
        self._stack: list[Frame] = []
        self._no_grad = 0
        self._guards: list[Value] = []  # undecided tests that what runs now depends on
        self._state = State({}, Heap())
        self._blocks: list[_Block] = []  # of the `with` statements whose context is being evaluated
        self._again = 0  # loops that are in their second pass
        self._looped: set[int] = set()  # loops that were run, by identity
        self._opened = False  # the call that is being made may give keywords that are not known
        self._at = ir.NOWHERE  # the statement or call that is being run
        self._made: dict[Term, tuple[Frame, ir.Span]] = {}

    # ------------------------------------------------------------------------------- interface

    def build(self, cls: LinkedClass, arguments: dict[str, Value]) -> Thing:
        """An instance of the class, constructed with keyword arguments (others take their defaults)."""
        thing = Thing("instance", cls)
        found = cls.find("__init__")
        if found is not None:
            function, owner = found
            self._guarded(lambda: self._call_function(function, owner.module, owner, thing, [], arguments))
        self.trace.heap = self._state.heap
        if not self._state.alive:  # the constructor raises for arguments that are not known
            self.trace.complete = False
            self._state.alive = True
        return thing

    def call(
        self, thing: Thing, function: ir.FunctionFacts, owner: LinkedClass, arguments: dict[str, Value]
    ) -> Trace:
        """Runs a method of the instance; events of the constructor are forgotten."""
        self.trace = Trace(complete=self.trace.complete, shapes=self.shapes)
        result = self._guarded(
            lambda: self._call_function(function, owner.module, owner, thing, [], arguments)
        )
        self.trace.returned = result
        self.trace.heap = self._state.heap
        self.trace.returns = self._state.alive
        return self.trace

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
        """Attributes that somebody else sets before the next call: None is just where they start."""
        for name in attributes:
            if self._state.heap.get(thing, name) == NONE:
                self._state.heap.drop(thing, name)

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

    # --------------------------------------------------------------------------------- plumbing

    def _guarded(self, work: Callable[[], Value]) -> Value:
        try:
            return work()
        except (_ExhaustedError, RecursionError):
            self.trace.complete = False
            self._stack.clear()
            self._blocks.clear()
            self._again = 0
            return UNKNOWN

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

    def _written(self, td: Value) -> list[tuple[str | None, Value]]:
        """What was written into a TensorDict that the run has made: nothing where it is another one."""
        whole = td
        while isinstance(whole, Term) and whole.op.startswith("td.") and whole.op not in _CHOOSING:
            whole = whole.args[0]
        if not isinstance(whole, Term) or not whole.op.startswith("new:"):
            return []
        writes = [e for e in self.trace.events if isinstance(e, KeyWrite) and e.tensordict is whole]
        return [(e.key, e.value if whole is td else self.term("entry", e.value)) for e in writes]

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
        place, order = self._place(span), self._tick()
        self._record(InPlace(target, mask, value, how, place, order, operation, tuple(arguments), tracked))

    def _called(self, name: str, arguments: Iterable[Value], result: Value, span: ir.Span) -> Value:
        guards = tuple(self._guards)
        self._record(Called(name, tuple(arguments), result, guards, self._place(span), self._tick()))
        return result

    @contextmanager
    def _guarded_by(self, test: Value) -> Iterator[None]:
        depth = len(self._guards)
        self._guards.append(test)
        try:
            yield
        finally:
            del self._guards[depth:]

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

    # -------------------------------------------------------------------------------- functions

    def _call_function(
        self,
        function: ir.FunctionFacts,
        module: Module,
        owner: LinkedClass | None,
        receiver: Value | None,
        positional: list[Value],
        keywords: dict[str, Value],
        names: dict[str, Value] | None = None,
        open_ended: bool = False,
    ) -> Value:
        decorators = [self._decorator(d, module) for d in function.decorators]
        arguments = [*([] if receiver is None else [receiver]), *positional, *keywords.values()]
        deep = len(self._stack) >= MAX_DEPTH
        if deep or sum(f.function is function and f.receiver is receiver for f in self._stack) > 1:
            if self._stack:
                self._escape(arguments[0 if receiver is None else 1 :], function.span)
            return UNKNOWN
        if any(d not in PLAIN_DECORATORS for d in decorators):
            # What wraps the function may do more than the function says.
            outer = self._frame if self._stack else Frame(module, owner, function, receiver)
            place = Place(outer.module.path, outer.symbol, function.span)
            for value in arguments[0 if receiver is None else 1 :]:
                self._record(Escape(value, place, self._tick()))
        frame = Frame(module, owner, function, receiver)
        outer_names = self._state.names
        self._stack.append(frame)
        self._state.names = dict(names or {})
        self._state.names.update(self._bind(function, receiver, positional, keywords, open_ended))
        no_grad = any(d in NO_GRAD for d in decorators)
        guarded = len(self._guards)
        self._no_grad += no_grad
        self._block(function.body)
        self._no_grad -= no_grad
        del self._guards[guarded:]
        if self._state.alive:
            frame.exits.append((NONE, self._state))
        self._stack.pop()
        if not frame.exits:  # every path raises: the caller's path ends here
            self._state.names = outer_names
            self._state.alive = False
            return UNKNOWN
        self._state = self._join([state for _, state in frame.exits])
        self._state.names = outer_names
        return frame.exits[0][0] if len(frame.exits) == 1 else either(value for value, _ in frame.exits)

    def _decorator(self, expr: ir.Expr, module: Module) -> str | None:
        if isinstance(expr, ir.Call):
            expr = expr.function
        if isinstance(expr, ir.Attribute) and expr.name in ("setter", "getter"):
            return "property"
        symbol = module.resolve(expr)
        return symbol.name if isinstance(symbol, External) else None

    def _bind(
        self,
        function: ir.FunctionFacts,
        receiver: Value | None,
        positional: list[Value],
        keywords: dict[str, Value],
        open_ended: bool,
    ) -> dict[str, Value]:
        """Parameter values. Missing ones take their default, or are symbolic."""
        bound: dict[str, Value] = {}
        values = [*([] if receiver is None else [receiver]), *positional]
        rest = dict(keywords)
        for parameter in function.parameters:
            if parameter.kind in ("positional-only", "positional") and values:
                bound[parameter.name] = values.pop(0)
            elif parameter.kind in ("positional", "keyword") and parameter.name in rest:
                bound[parameter.name] = rest.pop(parameter.name)
            elif parameter.kind == "*":
                bound[parameter.name] = group(values)
                values = []
            elif parameter.kind == "**":
                thing = Thing("dict")
                self._state.heap.update(thing, rest)
                self._state.heap.put(thing, "*", self.term("keywords", Const(function.qualname)))
                bound[parameter.name] = thing
            elif parameter.default is not None and not open_ended:
                default = self._eval(parameter.default)
                bound[parameter.name] = default
            else:
                bound[parameter.name] = self.term("parameter", Const(parameter.name))
        if function.parameter("**") is None:  # Python raises
            self._escape(rest.values(), function.span)
        return bound

    def _join(self, states: list[State]) -> State:
        if len(states) == 1:
            return states[0]
        return State(either_of([s.names for s in states]), joined([s.heap for s in states]))

    # ------------------------------------------------------------------------------- statements

    def _block(self, body: tuple[ir.Stmt, ...]) -> None:
        for statement in body:
            if not self._state.alive:
                return
            self._steps += 1  # the limit is looked at where expressions are
            self._at = getattr(statement, "span", self._at)
            self._statement(statement)

    def _statement(self, node: ir.Stmt) -> None:
        match node:
            case ir.Assign(targets=targets, value=value, span=span):
                result = self._eval(value)
                for target in targets:
                    self._assign(target, result, span)
            case ir.AugAssign():
                self._augment(node)
            case ir.Evaluate(value=value):
                self._eval(value)
            case ir.Return(value=value, span=span):
                result = self._eval(value)
                if self._state.alive and len(self._stack) == 1:
                    self._record(Returned(result, self._place(span), self._tick()))
                if self._state.alive:
                    self._frame.exits.append((result, self._state.copy()))
                self._state.alive = False
            case ir.Raise(value=value):
                self._eval(value)
                self._state.alive = False
            case ir.If(test=test, body=body, orelse=orelse, span=span):
                self._branch(self._eval(test), body, orelse, span)
            case ir.Loop():
                self._loop(node)
            case ir.With():
                self._with(node)
            case ir.Try():
                self._try(node)
            case ir.Jump():
                if self._frame.loops:
                    self._frame.loops[-1].append(self._state.copy())
                self._state.alive = False
            case ir.Delete(targets=targets, span=span):
                for target in targets:
                    if isinstance(target, ir.Subscript):
                        self._escape([self._eval(target.value)], span)
                    elif isinstance(target, ir.Name):
                        self._state.names.pop(target.id, None)
            case ir.Share(names=names):
                self._frame.shared.update(names)
            case ir.Import(names=names):
                for binding in names:
                    module = self._frame.module
                    self._frame.symbols[binding.name] = module.project.imported(binding, module)
            case ir.Define(what=what):
                if isinstance(what, ir.FunctionFacts):
                    self._state.names[what.name] = Local(what, self._frame.module, self._state.names)
                else:
                    self._state.names[what.name] = UNKNOWN

    def _branch(
        self, test: Value, body: tuple[ir.Stmt, ...], orelse: tuple[ir.Stmt, ...], span: ir.Span
    ) -> None:
        truth, left = self._truth(test), self._departures()
        with self._tested(test, span):
            if truth is None:
                self._paths([body, orelse], test)
            else:
                self._block(body if truth else orelse)
        if truth is None and self._departures() > left:  # what follows runs on one side only
            self._guards.append(test)

    def _departures(self) -> int:
        """How often a path left the block that runs now, other than by an exception."""
        frame = self._frame
        return len(frame.exits) + sum(len(exits) for exits in frame.loops)

    def _paths(self, bodies: list[tuple[ir.Stmt, ...]], test: Value | None = None) -> None:
        """Each body from the state as it stands; then whichever came through. `test`: the first runs where it
        holds, the second where it does not."""
        start = self._state
        ends: list[State] = []
        branch = self._tick()
        depth = len(self._guards)
        for number, body in enumerate(bodies):
            del self._guards[depth:]
            if test is not None and number == 1:
                self._guards[-1] = self.term("not", test)
            self._state = start.copy()
            self._arm(branch, number, body)
            if self._state.alive:
                ends.append(self._state)
        if ends:
            self._state = self._join(ends)
        else:
            self._state = start
            self._state.alive = False

    def _arm(self, branch: int, number: int, body: tuple[ir.Stmt, ...]) -> None:
        """One of the bodies of a branch."""
        self._block(body)

    def _loop(self, node: ir.Loop) -> None:
        iterable = self._eval(node.iterable)
        if node.target is None:
            start = self._tick()
            self._record(Branch(iterable, self._place(node.span), start, start))
        known = self._elements(iterable) if node.target is not None else None
        exits: list[State] = []
        before = self._state.copy()
        if known is not None and len(known) <= MAX_ALTERNATIVES:
            for element in known:
                self._pass(node, element, exits)
                if not self._state.alive:
                    break
        else:
            # Twice, so that what one pass leaves behind is seen by the next; a loop inside that was run so
            # in the first pass need not be in the second.
            element = iterable if node.target is None else self._element(iterable)
            self._pass(node, element, exits)
            if self._state.alive and not (self._again and id(node) in self._looped):
                self._again += 1
                self._pass(node, element, exits)
                self._again -= 1
            self._looped.add(id(node))
            exits.append(before)
        ends = [s for s in (self._state, *exits) if s.alive]
        if ends:
            self._state = self._join(ends)
            self._block(node.orelse)

    def _pass(self, node: ir.Loop, element: Value, exits: list[State]) -> None:
        guarded = len(self._guards)
        if node.target is not None:
            self._assign(node.target, element, node.span)
        self._frame.loops.append(exits)
        if node.target is None:
            with self._tested(element, node.span):
                self._block(node.body)
        else:
            self._block(node.body)
        self._frame.loops.pop()
        del self._guards[guarded:]

    def _with(self, node: ir.With) -> None:
        (context, target), *others = node.items
        body = (ir.With(tuple(others), node.body, node.span),) if others else node.body
        block = _Block(len(self._stack), body, target, node.span, self._state.names)
        self._blocks.append(block)
        value = self._eval(context)
        self._blocks.pop()
        if block.is_done:
            self._state.names = block.names
            self._state.alive = self._state.alive and not block.is_left
        elif self._state.alive:
            self._enter(block, value)

    def _enter(self, block: _Block, value: Value) -> None:
        """The body of a `with` statement, given what its context manager gives it."""
        guarded = len(self._guards)
        no_grad = isinstance(value, Term) and (
            value.op in NO_GRAD
            or (value.op == "torch.set_grad_enabled" and value.args[:1] == (Const(False),))
        )
        if block.target is not None:
            self._assign(block.target, value, block.span)
        if isinstance(value, Term) and value.op == "torch.device":
            self._guards.append(value)
        self._no_grad += no_grad
        self._block(block.body)
        self._no_grad -= no_grad
        del self._guards[guarded:]

    def _yield(self, value: Value) -> Value:
        """Where a generator hands over: as a context manager, to the body of the `with` that called it."""
        frame, block = self._frame, self._blocks[-1] if self._blocks else None
        if block is None or block.is_done or len(self._stack) != block.depth + 1:
            return self.term("opaque", value)
        if all(self._decorator(d, frame.module) not in MANAGERS for d in frame.function.decorators):
            return self.term("opaque", value)
        block.is_done = True
        names, self._state.names = self._state.names, block.names
        self._stack.pop()
        departures = self._departures()
        self._enter(block, value)
        if not self._state.alive and self._departures() > departures:
            block.is_left = self._state.alive = True  # a `return` or `break`: what comes after runs
        self._stack.append(frame)
        block.names, self._state.names = self._state.names, names
        return NONE

    def _try(self, node: ir.Try) -> None:
        start = self._state.copy()
        self._block((*node.body, *node.orelse))
        ends = [self._state] if self._state.alive else []
        for handler in node.handlers:
            # The body may have failed anywhere: names keep what they had before or after it.
            self._state = self._join([start.copy(), *[s.copy() for s in ends[:1]]])
            with self._guarded_by(UNKNOWN):
                self._block(handler)
            if self._state.alive:
                ends.append(self._state)
        if ends:
            self._state = self._join(ends)
        else:
            self._state.alive = False
        if self._state.alive:
            self._block(node.final)

    def _assign(self, target: ir.Expr, value: Value, span: ir.Span) -> None:
        match target:
            case ir.Name(id=name):
                self._state.names[name] = value
                if name in self._frame.shared:
                    self._escape([value], span)
            case ir.Attribute(value=owner, name=name):
                self._set_attribute(self._eval(owner), name, value, span)
            case ir.Subscript(value=owner, items=items):
                self._set_item(self._eval(owner), self._index(items), value, span)
            case ir.Sequence(items=items):
                for part, piece in zip(items, self._unpack(value, items), strict=True):
                    self._assign(part, piece, span)
            case ir.Starred(value=inner):
                self._assign(inner, value, span)
            case _:
                pass

    def _unpack(self, value: Value, targets: tuple[ir.Expr, ...]) -> list[Value]:
        elements = self._elements(value)
        if elements is not None and len(elements) == len(targets):
            return elements
        if any(isinstance(t, ir.Starred) for t in targets):
            return [self._element(value)] * len(targets)
        return [self._item(value, Const(i)) for i in range(len(targets))]

    def _augment(self, node: ir.AugAssign) -> None:
        old = self._eval(node.target)
        operand = self._eval(node.value)
        if node.operator == "+" and isinstance(old, Thing) and old.kind == "list":
            self._append(old, operand, node.span)
            return
        if node.operator == "|" and isinstance(old, Thing) and old.kind == "dict":
            self._call_container(old, "update", [operand], {}, node.span)
            return
        if any(isinstance(o, Term) for o in options(old)):
            self._overwrite(old, operand, "augmented", node.span)
        self._assign(node.target, self._operate(node.operator, [old, operand]), node.span)

    # ----------------------------------------------------------------------- attributes and items

    def _set_attribute(self, owner: Value, name: str, value: Value, span: ir.Span) -> None:
        for option in options(owner):
            if isinstance(option, Thing) and option.kind == "instance":
                setter = None if option.cls is None else option.cls.setter(name)
                if setter is None:
                    self._keep(option, name, value, span)
                else:
                    function, definer = setter
                    self._call_function(function, definer.module, definer, option, [value], {})
            elif is_tensordict(option):
                self._write(option, name, value, span)
            elif isinstance(option, Term) and name == "data":
                self._overwrite(option, value, "method", span, operation="data")
                self._kept_in(option, value, span)
            else:
                if isinstance(option, Term):
                    self._record(Rebound(option, name, value, self._place(span), self._tick()))
                self._escape([value], span)

    def _keep(self, thing: Thing, name: str, value: Value, span: ir.Span, registered: bool = False) -> None:
        self._state.heap.put(thing, name, value)
        self._record(Store(thing, name, value, self._place(span), self._tick(), registered))
        if thing.cls is not None and not thing.cls.is_module and thing is not self._frame.receiver:
            for container in self._outer(thing):
                self._kept_in(container, value, span)

    def _set_item(self, owner: Value, index: Value, value: Value, span: ir.Span) -> None:
        for option in options(owner):
            if isinstance(option, Thing) and option.kind in ("dict", "list"):
                key = index.value if isinstance(index, Const) else None
                self._note_lookup(option, index, span)
                if isinstance(key, str):
                    self._state.heap.put(option, key, value)
                    self._kept_in(option, value, span)
                else:
                    if key is None:
                        self._blur(option, value)
                    self._append(option, value, span)
            elif is_tensordict(option):
                key = index.value if isinstance(index, Const) else None
                written = key if isinstance(key, str) else None
                self._write(option, written, value, span)
            elif isinstance(option, Term):
                self._escape(_whose_attributes(option), span)
                if option.op != "each":  # an element of a list is replaced: no tensor is overwritten
                    self._overwrite(option, value, "subscript", span, mask=index)
                self._kept_in(option, value, span)
            elif isinstance(option, Group):
                self._replace_item(option, index, value, span)
            else:
                self._escape([value], span)

    def _replace_item(self, old: Group, index: Value, value: Value, span: ir.Span) -> None:
        """`list[index] = value`, for all who hold the list."""
        items = list(old.items)
        at = index.value if isinstance(index, Const) else None
        if isinstance(at, int) and -len(items) <= at < len(items):
            items[at] = value
        else:
            items = [either([item, value]) for item in items]
        self._kept_in(old, value, span)
        self._replace(old, group(items))

    def _change_list(self, old: Group, name: str, positional: list[Value], span: ir.Span) -> None:
        """`list.append(value)` and its kin, for all who hold the list."""
        added = [positional[-1]] if positional and name in ("append", "insert") else []
        more = self._elements(positional[0]) if name == "extend" and positional else None
        if name == "append" and added:
            self._replace(old, group([*old.items, *added]))
        elif more is not None:
            self._replace(old, group([*old.items, *more]))
        elif name in ("insert", "extend", "pop", "remove", "reverse", "sort", "clear"):
            self._replace(old, self.term("each", either([*old.items, *positional])))
        for value in positional if name in ("append", "insert", "extend") else ():
            self._kept_in(old, value, span)

    def _lengthen(self, container: Term, name: str, positional: list[Value]) -> None:
        """`modules.append(module)`: the container holds one more; which ones is no longer known where it is
        changed otherwise."""
        tick, *rest = container.args
        held = submodules(container)
        if held is None or name != "append":
            there = [self._element(a) for a in rest] if container.op.endswith("List") else rest
            new = self.term(container.op, tick, self.term("each", either([*there, *positional])))
        elif container.op.endswith("List"):
            new = self.term(container.op, tick, group([*held, *positional]))
        else:
            new = self.term(container.op, tick, *held, *positional)
        self._replace(container, new)

    def _replace(self, old: Value, new: Value) -> None:
        """What is held under any name or attribute becomes another value."""
        for name, held in self._state.names.items():
            if old in options(held):
                self._state.names[name] = either(new if o is old else o for o in options(held))
        for thing, name, held in self._state.heap.holding([old]):
            self._state.heap.put(thing, name, either(new if o is old else o for o in options(held)))

    def _kept_in(self, container: Value, value: Value, span: ir.Span) -> None:
        """Records a store for every instance that holds the container, or the tensor that it is a view of; a
        container that came from the caller may be kept by them."""
        roots = set(storage(container))
        for root in [r for r in roots if isinstance(r, Thing)]:
            roots |= self._outer(root)
        # What was there before tells attributes apart that were built alike: two buffers of zeros.
        told = {root for root in roots if isinstance(root, Term) and root.op == "earlier"} or roots
        for thing, name, _ in self._state.heap.holding(told):
            if thing.kind == "instance":
                self._record(Store(thing, name, value, self._place(span), self._tick()))
        if any(isinstance(r, Term) and r.op in ("parameter", "attribute") for r in roots):
            self._escape([value], span)

    def _outer(self, container: Thing) -> set[Value]:
        """The dicts and lists in which a container is held, at any depth."""
        found: set[Value] = set()
        todo: list[Value] = [container]
        while todo:
            for thing, _, _ in self._state.heap.holding([todo.pop()]):
                if thing.kind != "instance" and thing not in found:
                    found.add(thing)
                    todo.append(thing)
        return found

    def _append(self, container: Thing, value: Value, span: ir.Span) -> None:
        old = self._state.heap.get(container, "*")
        self._state.heap.put(container, "*", value if old is None else either([old, value]))
        self._kept_in(container, value, span)

    def _get_attribute(self, owner: Value, name: str) -> Value:
        if isinstance(owner, Either):
            return either(self._get_attribute(o, name) for o in owner.options if o != NONE)  # that raises
        match owner:
            case Thing(kind="instance", cls=cls) if cls is not None:
                return self._instance_attribute(owner, cls, name)
            case Thing():
                return Method(owner, name)
            case Super(owner=cls, receiver=receiver):
                assert receiver.cls is not None
                found = receiver.cls.find(name, after=cls)
                return UNKNOWN if found is None else Bound(*found, receiver)
            case Ref(symbol=symbol):
                return self._member(symbol, name)
            case Term():
                if name == "data":
                    return self.term("detach", owner)
                if name in ("T", "mT", "H", "mH"):
                    return self.term("transpose", owner)
                return Method(owner, name)
            case Const() | Group():
                return Method(owner, name)
            case _:
                return UNKNOWN

    def _instance_attribute(self, thing: Thing, cls: LinkedClass, name: str) -> Value:
        held = self._state.heap.get(thing, name)
        if held is not None:
            return held
        if name == "__class__":
            return Ref(cls)
        found = cls.find(name)
        if found is not None:
            function, owner = found
            kinds = {self._decorator(d, owner.module) for d in function.decorators}
            if "property" in kinds or "functools.cached_property" in kinds:
                return self._call_function(function, owner.module, owner, thing, [], {})
            if "staticmethod" in kinds:
                return Ref(FunctionRef(function, owner.module))
            return Bound(function, owner, Ref(cls) if "classmethod" in kinds else thing)
        constant = self._class_constant(cls, name)
        return self.term("attribute", thing, Const(name)) if constant is None else constant

    def _class_constant(self, cls: LinkedClass, name: str) -> Value | None:
        """What a class body spells out under a name: a number, a tuple of keys, a table."""
        for base in cls.linked:
            for key, value in reversed(base.facts.attributes):
                if key == name and _is_spelt_out(value):
                    return self._eval(value)
        return None

    def _member(self, symbol: Symbol, name: str) -> Value:
        if isinstance(symbol, LinkedClass):
            found = symbol.find(name)
            if found is not None:
                return Ref(FunctionRef(found[0], found[1].module))
            table = self._class_constant(symbol, name)
            if table is not None and not isinstance(table, Const):  # single values are there to be set
                return table
        project = self._frame.module.project
        member = project.member(symbol, name)
        return UNKNOWN if isinstance(member, Unresolved) else Ref(member)

    def _index(self, items: tuple[ir.Expr, ...]) -> Value:
        values = [self._eval(item) for item in items]
        return values[0] if len(values) == 1 else group(values)

    def _item(self, owner: Value, index: Value, span: ir.Span | None = None) -> Value:
        """`owner[index]`."""
        if isinstance(owner, Either):
            return either(self._item(o, index, span) for o in owner.options if o != NONE)
        elements = self._elements(owner) if isinstance(owner, Thing) and owner.cls is not None else None
        if elements is not None:
            return self._item(group(elements), index, span)
        match owner:
            case Group(items=items):
                if isinstance(index, Const) and isinstance(index.value, int):
                    in_range = -len(items) <= index.value < len(items)
                    return items[index.value] if in_range else UNKNOWN
                return either(items)
            case Thing(kind="dict" | "list"):
                if isinstance(index, Const) and isinstance(index.value, str):
                    entry = self._state.heap.get(owner, index.value)
                    if entry is not None:
                        return entry
                self._note_lookup(owner, index, span or self._frame.function.span)
                held = self._held(owner, index)
                return either(held) if held else UNKNOWN
            case Term():
                if is_tensordict(owner):
                    if isinstance(index, Const) and isinstance(index.value, str):
                        if index.value in self._absent:  # KeyError
                            self._state.alive = False
                            return UNKNOWN
                        if span is not None:
                            self._record(KeyRead(owner, index.value, self._place(span), self._tick()))
                        return self.term("item", owner, index)
                    return self.term("td.index", owner, index)
                modules = submodules(owner)
                if modules is not None and isinstance(index, Const) and isinstance(index.value, int):
                    return modules[index.value] if -len(modules) <= index.value < len(modules) else UNKNOWN
                return self.term("index", owner, index)
            case _:
                return UNKNOWN

    def _note_lookup(self, container: Thing, index: Value, span: ir.Span) -> None:
        if not isinstance(index, Const):
            self._record(Lookup(container, index, self._place(span), self._tick()))

    def _elements(self, value: Value) -> list[Value] | None:
        """The elements of something of known length."""
        if isinstance(value, Group):
            return list(value.items)
        if isinstance(value, Term) and value.op == "zip" and value.args:
            columns = [arg.items for arg in value.args if isinstance(arg, Group)]
            if len(columns) == len(value.args):
                return [group(row) for row in zip(*columns, strict=False)]
        if isinstance(value, Thing) and value.cls is not None and _is_named_tuple(value.cls):
            return list(self._state.heap.of(value).values())
        named = self._named_entries(value)
        return submodules(value) if named is None else [Const(name) for name in named]

    def _element(self, value: Value) -> Value:
        """Any element of something that is iterated over."""
        if isinstance(value, Either):
            return either(self._element(o) for o in value.options if o != NONE)  # that raises
        if isinstance(value, Thing) and value.cls is not None:
            elements = self._elements(value)
            return UNKNOWN if elements is None else either(elements)
        match value:
            case Group(items=items):
                return either(items)
            case Thing(kind="list"):
                held = self._state.heap.of(value)
                return either(held.values()) if held else UNKNOWN
            case Thing(kind="dict"):  # its keys
                return self._element(self.term("keys", value))
            case Term(op="each", args=(inner,)):
                return inner
            case Term(op="filter", args=(_, inner)):
                return self._element(inner)
            case Term(op="reversed" | "sorted" | "iter", args=(inner, *_)):
                return self._element(inner)
            case Term(op="itertools.chain", args=(_, *_)):
                return either(map(self._element, value.args))
            case Term(op="range" | "enumerate" | "zip" | "keys"):
                if value.op == "enumerate":
                    return group([self.term("count"), self._element(value.args[0])])
                if value.op == "zip":
                    return group(self._element(a) for a in value.args)
                return self.term("count")
            case Term():
                return self.term("index", value, self.term("count"))
            case _:
                return UNKNOWN

    # ------------------------------------------------------------------------------ expressions

    def _eval(self, node: ir.Expr) -> Value:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _ExhaustedError
        match node:
            case ir.Name(id=name):
                return self._lookup(name)
            case ir.Literal(value=value):
                return Const(value)
            case ir.Attribute(value=value, name=name):
                found = self._get_attribute(self._eval(value), name)
                if isinstance(found, Either):
                    return either(map(self._uncalled, found.options))
                return self._uncalled(found)
            case ir.Call():
                return self._uncalled(self._call(node))  # `getattr(layer, "weight")`
            case ir.Subscript(value=value, items=items):
                return self._item(self._eval(value), self._index(items), self._frame.function.span)
            case ir.Slice(parts=parts):
                return self.term("slice", *(NONE if p is None else self._eval(p) for p in parts))
            case ir.Operation(operator=operator, operands=operands):
                return self._operation(operator, operands)
            case ir.Comparison(left=left, operators=operators, rights=rights):
                return self._compare(left, operators, rights)
            case ir.Conditional(test=test, body=body, orelse=orelse):
                tested = self._eval(test)
                truth = self._truth(tested)
                if truth is not None:
                    return self._eval(body if truth else orelse)
                with self._tested(tested, self._at):
                    return either([self._eval(body), self._eval(orelse)])
            case ir.Sequence(kind=kind, items=items):
                return self._sequence(kind, items)
            case ir.Starred(value=value):
                return self.term("each", self._element(self._eval(value)))
            case ir.Mapping(keys=keys, values=values):
                thing = Thing("dict")
                for key, value in zip(keys, values, strict=True):
                    held = self._eval(value)
                    if key is None:
                        self._pour(held, thing)
                    else:
                        self._put(thing, self._eval(key), held)
                return thing
            case ir.Comprehension():
                return self._comprehension(node)
            case ir.Walrus(target=target, value=value):
                result = self._eval(value)
                self._state.names[target.id] = result
                return result
            case ir.Lambda(function=function):
                return Local(function, self._frame.module, self._state.names)
            case ir.Yield(value=value):
                return self._yield(self._eval(value))
            case ir.Opaque(parts=parts):
                return self.term("opaque", *[self._eval(part) for part in parts]) if parts else UNKNOWN

    def _uncalled(self, attribute: Value) -> Value:
        """An attribute that is not called: `x.shape` of a tensor is a value of its own."""
        if isinstance(attribute, Method) and isinstance(attribute.receiver, Term):
            return self._told(self.term(_attribute_term(attribute), attribute.receiver))
        return attribute

    def _lookup(self, name: str) -> Value:
        held = self._state.names.get(name)
        if held is not None:
            return held
        frame = self._frame
        if name in frame.shared:
            return UNKNOWN
        local = frame.symbols.get(name)
        symbol = local if local is not None else frame.module.member(name)
        if isinstance(symbol, Unresolved):
            found = frame.module.facts.lookup(name)
            if isinstance(found, _DISPLAYS) and _is_spelt_out(found):
                return self._eval(found)
            if isinstance(found, ir.Call):  # `logger = logging.getLogger(...)`
                made = frame.module.resolve(found.function)
                if isinstance(made, External) and made.name.partition(".")[0] in PURE_PACKAGES:
                    return self.term(made.name)
            return UNKNOWN
        return Ref(symbol)

    def _sequence(self, kind: str, items: tuple[ir.Expr, ...]) -> Value:
        values = [self._eval(item) for item in items]
        if any(isinstance(item, ir.Starred) for item in items):
            return self.term("each", either(_inside(v) for v in values))
        if kind == "list" and not values:
            return Thing("list")
        return group(values)

    def _comprehension(self, node: ir.Comprehension) -> Value:
        outer = dict(self._state.names)
        known: list[Value] | None = None
        for i, (target, iterable, conditions) in enumerate(node.generators):
            source = self._eval(iterable)
            if i == 0 and len(node.generators) == 1 and not conditions:
                known = self._elements(source)
            self._assign(target, self._element(source), ir.NOWHERE)
            for condition in conditions:
                self._eval(condition)
        if known is not None and len(known) <= MAX_ALTERNATIVES:
            results = []
            for element in known:
                self._assign(node.generators[0][0], element, ir.NOWHERE)
                results.append(self._eval(node.element))
            self._state.names = outer
            return self._dict_of(results) if node.kind == "DictComp" else group(results)
        element = self._eval(node.element)
        self._state.names = outer
        return self._dict_of([element]) if node.kind == "DictComp" else self.term("each", element)

    def _dict_of(self, pairs: list[Value]) -> Thing:
        """A dict with these entries."""
        made = Thing("dict")
        for pair in pairs:
            assert isinstance(pair, Group)
            self._put(made, *pair.items)
        return made

    def _put(self, made: Thing, key: Value, value: Value) -> None:
        """An entry of a new dict; those under keys that are not known are kept as one."""
        name = _key(key)
        other = self._state.heap.get(made, name) if name == "*" else None
        self._state.heap.put(made, name, value if other is None else either([other, value]))

    def _operation(self, operator: str, operands: tuple[ir.Expr, ...]) -> Value:
        if operator in ("and", "or"):
            left = self._eval(operands[0])
            truth = self._truth(left)
            if truth is not None:
                return self._eval(operands[1]) if truth == (operator == "and") else left
            with self._guarded_by(left):
                right = self._eval(operands[1])
            if self._truth(right) is (operator == "or") and all(map(_is_bool, options(left))):
                return right  # whatever the left side is
            return either([*(o for o in options(left) if self._truth(o) is not (operator == "and")), right])
        values = [self._eval(o) for o in operands]
        if operator == "not":
            truth = self._truth(values[0])
            return self.term("not", values[0]) if truth is None else Const(not truth)
        return self._operate(operator, values)

    def _operate(self, operator: str, values: list[Value]) -> Value:
        if operator == "+" and all(isinstance(v, Group) for v in values):
            return group(i for v in values if isinstance(v, Group) for i in v.items)
        if operator == "|" and all(isinstance(v, Thing) and v.kind == "dict" for v in values):
            merged = Thing("dict")
            for value in values:
                self._pour(value, merged)
            return merged
        if operator == "*" and isinstance(values[0], Group):  # `[None] * layers`
            repeated = Thing("list")
            self._state.heap.put(repeated, "*", either(values[0].items))
            return repeated
        if all(isinstance(v, Unknown) for v in values):
            return UNKNOWN
        result = self.term(operator, *values)
        return self.term("detach", result) if self._no_grad else result

    def _compare(self, left: ir.Expr, operators: tuple[str, ...], rights: tuple[ir.Expr, ...]) -> Value:
        value = self._eval(left)
        result: Value = Const(True)
        for operator, right in zip(operators, rights, strict=True):
            other = self._eval(right)
            decided = _decide(operator, value, other)
            if operator in ("in", "not in") and isinstance(value, Const) and value.value in self._absent:
                keys = other.args[0] if isinstance(other, Term) and other.op == "tensordict.keys" else other
                decided = (operator == "not in") if is_tensordict(keys) else decided
            result = Const(decided) if decided is not None else self.term(f"compare{operator}", value, other)
            span = self._frame.function.span
            self._record(Compared(value, operator, other, result, self._place(span), self._tick()))
            value = other
        return result if len(operators) == 1 else self.term("and", result)

    def _truth(self, value: Value) -> bool | None:
        match value:
            case Const(value=held):
                return bool(held)
            case Group(items=items):
                return bool(items)
            case Ref() | Bound() | Local():
                return True
            case Thing(kind="instance"):
                return True
            case Either(options=choices):
                truths = {self._truth(o) for o in choices}
                return truths.pop() if len(truths) == 1 else None
            case _:
                return None

    # ------------------------------------------------------------------------------------ calls

    def _call(self, node: ir.Call) -> Value:
        function = node.function
        if isinstance(function, ir.Name) and function.id == "super":
            return self._super()
        if isinstance(function, ir.Attribute):
            callee = self._get_attribute(self._eval(function.value), function.name)
        elif isinstance(function, ir.Call):
            callee = self._call(function)
        else:
            callee = self._eval(function)
        positional: list[Value] = []
        keywords: dict[str, Value] = {}
        spread = opened = False
        for argument in node.arguments:
            value = self._eval(argument.value)
            if argument.star == "*":
                elements = self._elements(value)
                spread = spread or elements is None
                positional.extend([value] if elements is None else elements)
            elif argument.star == "**":
                keywords.update(self._entries(value))
                rest = self._state.heap.get(value, "*") if isinstance(value, Thing) else UNKNOWN
                opened = opened or rest is not None
                # Any parameter may be among what is not known, but for what a caller adds to the config.
                spread = spread or not (rest is None or (isinstance(rest, Term) and rest.op == "keywords"))
            elif argument.keyword is not None:
                keywords[argument.keyword] = value
            else:
                positional.append(value)
        outer, self._at = self._at, node.span
        self._opened = opened
        if isinstance(callee, Either):
            results = (self._apply(c, positional, keywords, spread, node) for c in callee.options)
            result = either(results)
        else:
            result = self._apply(callee, positional, keywords, spread, node)
        self._at = outer
        return result

    def _entries(self, value: Value) -> dict[str, Value]:
        return {name: held for name, held in self._state.heap.of(value).items() if name != "*"}

    def _pour(self, source: Value, target: Thing) -> None:
        """What a dict holds, a new one holds too: `{**source}`, `dict(source)`, `source | other`."""
        held = self._state.heap.of(source)
        if not isinstance(source, Thing) and source != NONE:
            held = {"*": source}
        if "*" in held:
            self._blur(target, held["*"])
        self._state.heap.update(target, held)

    def _blur(self, target: Thing, value: Value) -> None:
        """What is put into a dict under a key that is not known may stand under any that is."""
        for name, held in self._entries(target).items():
            self._state.heap.put(target, name, either([held, value]))

    def _unnamed(self, source: Value) -> Iterable[Value]:
        """What a dict, or pairs, may hold under keys that are not known."""
        if isinstance(source, Thing):
            unnamed = self._state.heap.get(source, "*")
            return [] if unnamed is None else [unnamed]
        pairs = self._elements(source) or ([] if source == NONE else [self._element(source)])
        return [self._item(pair, Const(1)) for pair in pairs]

    def _super(self) -> Value:
        frame = next((f for f in reversed(self._stack) if f.owner is not None), None)
        if frame is None or not isinstance(frame.receiver, Thing) or frame.owner is None:
            return UNKNOWN
        return Super(frame.owner, frame.receiver)

    def _apply(
        self,
        callee: Value,
        positional: list[Value],
        keywords: dict[str, Value],
        spread: bool,
        node: ir.Call,
    ) -> Value:
        arguments = [*positional, *keywords.values()]
        match callee:
            case Bound(function=function, owner=owner, receiver=receiver):
                result = self._call_function(
                    function, owner.module, owner, receiver, positional, keywords, open_ended=spread
                )
                self._note_net(receiver, function.name, arguments, result, node.span)
                return result
            case Local(function=function, module=module, environment=environment):
                return self._call_function(
                    function, module, None, None, positional, keywords, names=environment
                )
            case Ref(symbol=FunctionRef(facts=facts, module=module)):
                return self._call_function(facts, module, None, None, positional, keywords, open_ended=spread)
            case Ref(symbol=LinkedClass() as cls):
                return self._instantiate(cls, positional, keywords, spread, node.span)
            case Ref(symbol=External(name=name)):
                rest: dict[str, Value] = {"**": UNKNOWN} if self._opened else {}
                return self._call_external(name, positional, {**keywords, **rest}, node.span)
            case Method(receiver=receiver, name=name):
                return self._call_method(receiver, name, positional, keywords, node.span)
            case Thing(kind="instance", cls=cls) if cls is not None:
                return self._call_instance(callee, cls, positional, keywords, node.span)
            case Term(op="functools.partial", args=(function, *given)):
                earlier = [g for g in given if not is_keyword(g)]
                named = keywords_in(given)
                self._opened = self._opened or "**" in named
                named = {name: value for name, value in {**named, **keywords}.items() if name != "**"}
                return self._apply(function, [*earlier, *positional], named, spread, node)
            case Term(op="attribute", args=(Thing() as owner, Const(value=str(name)))):
                return self._call_missing(owner, name, positional, keywords, node.span)
            case Term() if callee.op.startswith("new:"):
                return self._call_module(callee, positional, keywords, node.span)
            case Term() if (held := self._held_modules(callee)) is not None:
                return either(self._apply(m, positional, keywords, spread, node) for m in held)
            case Const(value=None):
                return UNKNOWN
            case _:
                self._leave(callee, arguments, node.span)
                return UNKNOWN

    def _note_net(
        self, receiver: Value, method: str, arguments: list[Value], result: Value, span: ir.Span
    ) -> None:
        """Records a call on a net that some instance holds."""
        if not isinstance(receiver, Thing) or receiver is self._frame.receiver:
            return
        for name, held in self._state.heap.of(self._frame.receiver or UNKNOWN).items():
            if receiver in options(held):
                place = self._place(span)
                self._record(NetCall(name, method, tuple(arguments), result, place, self._tick()))
                return

    def _held_modules(self, callee: Term) -> list[Value] | None:
        """The modules behind an element of a `ModuleList` whose place in it is not known."""
        container = callee.args[0] if callee.op == "index" else None
        if not isinstance(container, Term) or container.op != "new:torch.nn.ModuleList":
            return None
        held = [o for a in container.args[1:] for o in options(self._element(a))]
        return held if all(is_module(m) for m in held) else None

    def _instantiate(
        self,
        cls: LinkedClass,
        positional: list[Value],
        keywords: dict[str, Value],
        spread: bool,
        span: ir.Span,
    ) -> Value:
        thing = Thing("instance", cls)
        found = cls.find("__init__")
        if found is not None:
            function, owner = found
            self._call_function(function, owner.module, owner, thing, positional, keywords, open_ended=spread)
        else:
            self._fill(thing, cls, positional, keywords, spread, span)
        return thing

    def _fill(
        self,
        thing: Thing,
        cls: LinkedClass,
        positional: list[Value],
        keywords: dict[str, Value],
        spread: bool,
        span: ir.Span,
    ) -> None:
        """What a dataclass, or a named tuple, is built with."""
        fields = list(dict.fromkeys(name for base in reversed(cls.linked) for name in base.facts.fields))
        known = not (spread or cls.is_module or len(positional) > len(fields))
        given = dict(zip(fields, positional, strict=False)) if known else {}
        has_default = any(base.facts.defines(name) for base in cls.linked for name in fields)
        if spread and len(positional) == 1 and not has_default:  # `Carry(*state)`: one item for each field
            given = {name: self._item(positional[0], Const(i)) for i, name in enumerate(fields)}
        elif spread or self._opened:  # any field may be among what is not known
            given = {name: self.term("attribute", thing, Const(name)) for name in fields} | given
        self._state.heap.update(thing, {**given, **keywords})
        if positional and not given:
            self._escape(positional, span)
        found = cls.find("__post_init__")
        if found is not None:
            function, owner = found
            self._call_function(function, owner.module, owner, thing, [], {}, open_ended=True)

    def _call_instance(
        self,
        thing: Thing,
        cls: LinkedClass,
        positional: list[Value],
        keywords: dict[str, Value],
        span: ir.Span,
    ) -> Value:
        found = cls.find("forward") or cls.find("__call__")
        if found is None:
            self._escape([*positional, *keywords.values()], span)
            return UNKNOWN
        function, owner = found
        result = self._call_function(function, owner.module, owner, thing, positional, keywords)
        self._note_net(thing, "forward", [*positional, *keywords.values()], result, span)
        return result

    def _call_missing(
        self, owner: Thing, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        """A method that the linked class does not show: `nn.Module`'s own, or one that is not known."""
        arguments = [*positional, *keywords.values()]
        if name in ("register_buffer", "register_parameter", "add_module", "register_module"):
            if len(arguments) > 1 and isinstance(arguments[0], Const):
                self._keep(owner, str(arguments[0].value), arguments[1], span, registered=True)
            return NONE
        if name == "apply" and arguments:
            return self._visit(owner, arguments[0], span)
        if name in _MODULE_METHODS:
            if name.endswith("_hook"):  # runs whenever the module is called
                self._escape([owner, *arguments], span)
            if name == "load_state_dict":  # overwrites every weight
                self._leave(Method(owner, name), [], span)
            return self.term(f"module.{name}", owner)
        if name == "_replace" and owner.cls is not None and _is_named_tuple(owner.cls):
            return _with_fields(self, [owner], keywords, span)
        self._leave(Method(owner, name), [*positional, *keywords.values()], span)
        return UNKNOWN

    def _visit(self, owner: Value, function: Value, span: ir.Span) -> Value:
        """`module.apply(function)`: the function is called with every module in it."""
        element = self._element(self.term("module.modules", owner))
        self._apply(function, [element], {}, False, ir.Call(ir.Opaque(), (), span))
        return owner

    def _call_module(
        self, module: Term, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        """A torch module applied to its input."""
        kind = module.op.removeprefix("new:")
        arguments = [*positional, *keywords.values()]
        if kind in CORES:
            given = positional[0] if positional else keywords.get("input", UNKNOWN)
            state = positional[1] if len(positional) > 1 else keywords.get("hx", NONE)
            result = self.term("core", module, given, state, Const(self._tick()))
            self._record(CoreCall(module, given, state, result, self._place(span), self._tick()))
            return self.term("detach", result) if self._no_grad else result
        if any(is_tensordict(a) for a in arguments):
            self._escape(arguments, span)
        children = submodules(module) if kind == "torch.nn.Sequential" and len(positional) == 1 else None
        if children and not keywords:
            passed = positional[0]
            call = ir.Call(ir.Opaque(), (), span)
            for child in children:
                passed = self._apply(child, [passed], {}, False, call)
            return passed
        return self.term("module", module, *arguments)

    def _call_external(
        self, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        arguments = [*positional, *keywords.values()]
        prefix, _, short = name.rpartition(".")
        if positional and (prefix == "torch.Tensor" or name == "torch.detach"):
            return self._call_method(positional[0], short, positional[1:], keywords, span)
        special = _BUILTIN_CALLS.get(name)
        if special is not None:
            return special(self, positional, keywords, span)
        if name.startswith("torch.nn.") and name.rpartition(".")[2][:1].isupper():
            given = [p for p in positional if not self._is_empty(p)]
            return self.term(f"new:{name}", Const(self._tick()), *given, *self._named(keywords))
        if name in TENSORDICTS:
            size = positional[1:2] or [keywords[n] for n in ("batch_size",) if n in keywords]
            created = self.term("new:tensordict.TensorDict", Const(self._tick()), *size)
            source = positional[0] if positional else keywords.get("source", NONE)
            for key, value in self._entries(source).items():
                self._write(created, key, value, span)
            for value in self._unnamed(source):
                self._write(created, None, value, span)
            return created
        package = name.partition(".")[0]
        if package not in PURE_PACKAGES and "." in name:
            self._leave(Ref(External(name)), arguments, span)
            return UNKNOWN
        overwritten = [keywords["out"]] if "out" in keywords else []
        in_place = short.endswith("_") and not short.endswith("__") and not short.startswith("clip_grad_")
        if positional and (in_place or keywords.get("inplace") == Const(True)):
            overwritten.append(positional[0])
        named = self._named(keywords)
        for target in overwritten:
            rest = [*positional[1:], *named] if target in positional else [*positional, *named]
            self._overwrite(target, UNKNOWN, "method", span, operation=short, arguments=rest)
        if any(is_tensordict(a) for a in arguments) and package not in ("torch", "einops"):
            self._escape([a for a in arguments if is_tensordict(a)], span)
        result = self._told(self.term(name, *positional, *named))
        if self._no_grad:
            result = self.term("detach", result)
        return self._called(name, [*positional, *named], result, span)

    def _told(self, asked: Term) -> Value:
        """The number that answers a question about a shape where the caller settles it, else the question."""
        constant = self.shapes.constant(asked)
        return asked if constant is None else Const(constant)

    def _is_empty(self, value: Value) -> bool:
        """Whether a value is a list that nothing was put into."""
        return isinstance(value, Thing) and value.kind == "list" and "*" not in self._state.heap.of(value)

    def _named(self, keywords: dict[str, Value]) -> list[Value]:
        """Keyword arguments as terms that keep their names."""
        return [self.term(f"={name}", value) for name, value in keywords.items()]

    def _call_method(
        self,
        receiver: Value,
        name: str,
        positional: list[Value],
        keywords: dict[str, Value],
        span: ir.Span,
    ) -> Value:
        if isinstance(receiver, Either):
            there = [o for o in receiver.options if o != NONE]  # that raises
            return either(self._call_method(o, name, positional, keywords, span) for o in there)
        if isinstance(receiver, Thing):
            return self._call_container(receiver, name, positional, keywords, span)
        if is_tensordict(receiver):
            assert isinstance(receiver, Term)
            return self._call_tensordict(receiver, name, positional, keywords, span)
        if isinstance(receiver, Term) and receiver.op.startswith("new:") and name == "forward":
            return self._call_module(receiver, positional, keywords, span)
        if isinstance(receiver, Term) and receiver.op in MODULE_CONTAINERS and name in CHANGING:
            self._lengthen(receiver, name, positional)
            return NONE
        extra = [*positional, *self._named(keywords)]
        if isinstance(receiver, Term):
            arguments = [*positional, *keywords.values()]
            if name == "apply" and receiver.op.startswith("new:torch.nn.") and positional:
                return self._visit(receiver, positional[0], span)
            if _is_foreign(receiver):
                if name not in _ONLY_READING:
                    self._escape(_whose_attributes(receiver), span)
                self._leave(Method(receiver, name), arguments, span)
            elif any(is_tensordict(a) for a in arguments):
                self._escape(arguments, span)
            if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
                value = positional[0] if positional else UNKNOWN
                mask = positional[0] if name.startswith("masked_fill") and positional else None
                if mask is not None:
                    value = positional[1] if len(positional) > 1 else keywords.get("value", UNKNOWN)
                self._overwrite(receiver, value, "method", span, mask, name, extra)
                for argument in positional:
                    if isinstance(argument, (Term, Group, Either)):
                        self._kept_in(receiver, argument, span)
                if name == "detach_":
                    detached = self.term("detach", receiver)
                    self._replace(receiver, detached)
                    return detached
                return receiver
            if name in ("chunk", "split", "unbind"):
                return self.term("each", self.term(f"{name}", receiver, *extra))
            result = self._told(self.term(name, receiver, *extra))
            if self._no_grad and name not in VIEWS:
                result = self.term("detach", result)
            return self._called(f".{name}", [receiver, *extra], result, span)
        if isinstance(receiver, Group):
            self._change_list(receiver, name, positional, span)
            return UNKNOWN
        if isinstance(receiver, Const):
            if receiver == NONE and self._absent:  # of what `get` did not find: that raises
                self._state.alive = False
            return UNKNOWN
        self._leave(Method(receiver, name), [*positional, *keywords.values()], span)
        return UNKNOWN

    def _call_container(
        self,
        thing: Thing,
        name: str,
        positional: list[Value],
        keywords: dict[str, Value],
        span: ir.Span,
    ) -> Value:
        if name in ("get", "pop", "setdefault"):
            default = positional[1] if len(positional) > 1 else NONE
            index = positional[0] if positional else UNKNOWN
            known = self._state.heap.get(thing, str(index.value)) if isinstance(index, Const) else None
            if known is not None:
                return known
            self._note_lookup(thing, index, span)
            held = self._held(thing, index)
            if name == "setdefault":
                self._set_item(thing, index, default, span)
            if name == "pop":
                self._kept_in(thing, UNKNOWN, span)
            return either([*held, default])
        if name in ("append", "add", "extend", "insert", "appendleft"):
            self._append(thing, positional[-1] if positional else UNKNOWN, span)
            return NONE
        if name == "update":
            source = positional[0] if positional else NONE
            for value in self._unnamed(source):
                self._blur(thing, value)
                self._append(thing, value, span)
            for key, value in {**self._entries(source), **keywords}.items():
                self._set_item(thing, Const(key), value, span)
            return NONE
        if name == "copy":
            copied = Thing(thing.kind)
            self._state.heap.update(copied, self._state.heap.of(thing))
            return copied
        if name in ("values", "items"):
            named = self._named_entries(thing)
            if named is not None and name == "items":
                return group(group((Const(k), v)) for k, v in named.items())
            element = either(self._state.heap.of(thing).values())
            count = self.term("count")
            return self.term("each", element if name == "values" else group([count, element]))
        if name == "clear":
            self._state.heap.clear(thing)
            return NONE
        if name == "keys":
            return self.term("keys", thing)
        if name == "__getitem__" and positional:
            return self._item(thing, positional[0], span)
        if name == "__setitem__" and len(positional) == 2:
            self._set_item(thing, positional[0], positional[1], span)
            return NONE
        if name not in _LOOKS:  # it may hold other things afterwards
            self._kept_in(thing, UNKNOWN, span)
            self._escape([*positional, *keywords.values()], span)
        return UNKNOWN

    def _named_entries(self, value: Value) -> dict[str, Value] | None:
        """What a dict holds, where all of its keys are known."""
        if not isinstance(value, Thing) or value.kind != "dict":
            return None
        held = self._state.heap.of(value)
        return dict(held) if held and "*" not in held and len(held) <= MAX_ALTERNATIVES else None

    def _held(self, thing: Thing, index: Value) -> list[Value]:
        """What `thing[index]` may be: under a name only what is kept under it, or under a computed one."""
        names = ("*", index.value) if isinstance(index, Const) and isinstance(index.value, str) else None
        held = self._state.heap.of(thing)
        return [value for name, value in held.items() if names is None or name in names]

    def _call_tensordict(
        self, td: Term, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        arguments = [*positional, *keywords.values()]
        if name in ("set", "set_", "set_at_", "set_non_tensor", "setdefault"):
            key = positional[0] if positional else keywords.get("key", UNKNOWN)
            value = positional[1] if len(positional) > 1 else keywords.get("item", UNKNOWN)
            written = key.value if isinstance(key, Const) and isinstance(key.value, str) else None
            self._write(td, written, value, span)
            return td
        if name in ("update", "update_"):
            source = positional[0] if positional else NONE
            if isinstance(source, Thing):
                if "*" in self._state.heap.of(source):
                    self._write(td, None, UNKNOWN, span)
                for name, value in self._entries(source).items():
                    self._write(td, name, value, span)
            else:
                for entry, value in self._written(source) or [(None, source)]:
                    self._write(td, entry, value, span)
            return td
        if name == "get":
            key = positional[0] if positional else keywords.get("key", UNKNOWN)
            default = positional[1] if len(positional) > 1 else keywords.get("default", NONE)
            if isinstance(key, Const) and key.value in self._absent:
                return default
            item = self._item(td, key, span)
            return either([item, default]) if isinstance(item, Term) else UNKNOWN
        if name in TENSORDICT_VIEWS:
            return self.term(f"td.{name}", td, *arguments)
        if name in TENSORDICT_READS:
            return self._told(self.term(f"tensordict.{name}", td, *arguments))
        self._escape([td, *arguments], span)
        return UNKNOWN


_DISPLAYS = (ir.Literal, ir.Sequence, ir.Mapping)


def _is_spelt_out(node: ir.Expr) -> bool:
    """Whether an expression is a literal, or a display of literals that is not there to be filled."""
    empty = node in (ir.Mapping((), ()), ir.Sequence("list", ()), ir.Sequence("set", ()))
    return not empty and all(isinstance(part, _DISPLAYS) for part in ir.nodes(node))


def _is_named_tuple(cls: LinkedClass) -> bool:
    return External("typing.NamedTuple") in cls.mro


def _is_bool(value: Value) -> bool:
    return isinstance(value, Term) and (value.op == "not" or value.op.startswith("compare"))


# Methods of containers that change nothing.
_LOOKS = frozenset("index count __len__ __contains__ __iter__".split())


@cache
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


def _inside(value: Value) -> Value:
    """The element of an iterated value, else the value."""
    return value.args[0] if isinstance(value, Term) and value.op == "each" else value


def _key(value: Value) -> str:
    return value.value if isinstance(value, Const) and isinstance(value.value, str) else "*"


def _attribute_term(method: Method) -> str:
    return f"tensordict.{method.name}" if is_tensordict(method.receiver) else f".{method.name}"


def _whose_attributes(value: Term) -> list[Value]:
    """The instance, where a value is its `__dict__`."""
    match value:
        case Term(op="attribute", args=(owner, Const(value="__dict__"))):
            return [owner]
        case _:
            return []


# Methods of a dict that change nothing.
_ONLY_READING = frozenset("get keys values items copy".split())


def _is_foreign(value: Term) -> bool:
    """Whether a value was not computed here: a parameter, an attribute that somebody else set, or a part of
    one. It need not be a tensor, and its methods may keep what they are given."""
    while isinstance(inner := value.args[0] if value.args else None, Term):
        value = inner
    return value.op in ("attribute", "parameter", "env", "keywords")


def _decide(operator: str, left: Value, right: Value) -> bool | None:
    if operator in ("is", "is not", "==", "!=") and (right == NONE or left == NONE):
        absent = is_none(left if right == NONE else right)
        return None if absent is None else absent == (operator in ("is", "=="))
    if isinstance(left, Const) and isinstance(right, Const):
        try:
            match operator:
                case "==":
                    return bool(left.value == right.value)
                case "!=":
                    return bool(left.value != right.value)
                case "<" | ">" | "<=" | ">=":
                    low, high = (left, right) if operator[0] == "<" else (right, left)
                    strict = len(operator) == 1
                    less = low.value < high.value if strict else low.value <= high.value  # type: ignore[operator]
                    return bool(less)
        except TypeError:
            return None
    return None


# ------------------------------------------------------------------------------------- builtin calls


def _getattr(run: Run, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    if len(positional) < 2 or not isinstance(positional[1], Const):
        return UNKNOWN
    name = str(positional[1].value)
    held = run._get_attribute(positional[0], name)
    default = positional[2:3]
    missing = isinstance(held, Term) and held.op == "attribute"
    return either([held, *default]) if missing and default else held


def _setattr(run: Run, positional: list[Value], _keywords: dict[str, Value], span: ir.Span) -> Value:
    if len(positional) == 3 and isinstance(positional[1], Const):
        run._set_attribute(positional[0], str(positional[1].value), positional[2], span)
    else:
        run._escape(positional, span)
    return NONE


def _hasattr(run: Run, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    owner = positional[0] if positional else UNKNOWN
    if isinstance(owner, Thing) and owner.cls is not None and len(positional) > 1:
        held = run._get_attribute(owner, _key(positional[1]))
        if not (isinstance(held, Term) and held.op == "attribute"):
            return Const(True)
    return UNKNOWN


def _as_group(run: Run, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    if positional and isinstance(positional[0], Either):
        return either(_as_group(run, [o], {}, _span) for o in positional[0].options if o != NONE)
    elements = run._elements(positional[0]) if positional else []
    if elements is not None:
        return group(elements)
    if isinstance(positional[0], Thing):  # another container with the same elements
        copied = Thing("list")
        run._state.heap.put(copied, "*", run._element(positional[0]))
        return copied
    return positional[0]


def _vars(run: Run, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    return run.term("attribute", positional[0], Const("__dict__")) if positional else UNKNOWN


def _type(run: Run, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    match positional:
        case [Thing(kind="instance", cls=cls)] if cls is not None:
            return Ref(cls)
        case _:
            return run.term("type", *positional)


def _new_dict(run: Run, positional: list[Value], keywords: dict[str, Value], _span: ir.Span) -> Value:
    thing = Thing("dict")
    source = positional[0] if positional else NONE
    if isinstance(source, Thing):
        run._pour(source, thing)
    else:
        for value in run._unnamed(source):
            run._put(thing, UNKNOWN, value)
    run._state.heap.update(thing, keywords)
    return thing


def _map(run: Run, positional: list[Value], _keywords: dict[str, Value], span: ir.Span) -> Value:
    if len(positional) != 2:
        run._escape(positional, span)
        return UNKNOWN
    function, source = positional
    call = ir.Call(ir.Opaque(), (), span)
    elements = run._elements(source)
    if elements is not None:
        return group(run._apply(function, [e], {}, False, call) for e in elements)
    return run.term("each", run._apply(function, [run._element(source)], {}, False, call))


def _setitem(run: Run, positional: list[Value], _keywords: dict[str, Value], span: ir.Span) -> Value:
    if len(positional) == 3:
        owner, index, value = positional
        run._set_item(owner, index, value, span)
    return NONE


def _tree_map(run: Run, positional: list[Value], keywords: dict[str, Value], span: ir.Span) -> Value:
    """A function of every leaf of nested tuples, lists and dicts."""
    if len(positional) != 2:
        run._escape([*positional, *keywords.values()], span)
        return UNKNOWN
    function, tree = positional
    if isinstance(tree, Group):
        return group(_tree_map(run, [function, item], keywords, span) for item in tree.items)
    if isinstance(tree, Thing) and tree.cls is None:
        mapped = Thing(tree.kind)
        for name, held in list(run._state.heap.of(tree).items()):
            run._state.heap.put(mapped, name, _tree_map(run, [function, held], keywords, span))
        return mapped
    if isinstance(tree, Either):
        return either(_tree_map(run, [function, option], keywords, span) for option in tree.options)
    if tree == NONE:
        return NONE
    return run._apply(function, [tree], {}, False, ir.Call(ir.Opaque(), (), span))


def _copy(run: Run, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
    """A copy of an object or a container; of anything else, the value."""
    source = positional[0] if positional else UNKNOWN
    if not isinstance(source, Thing) or (source.cls is not None and source.cls.is_module):
        return source
    copied = Thing(source.kind, source.cls)
    run._pour(source, copied)
    return copied


def _with_fields(run: Run, positional: list[Value], keywords: dict[str, Value], span: ir.Span) -> Value:
    """`dataclasses.replace(object, field=value)`."""
    copied = _copy(run, positional, {}, span)
    if not isinstance(copied, Thing):
        run._escape([*positional, *keywords.values()], span)
        return UNKNOWN
    run._state.heap.update(copied, keywords)
    return copied


def _iterated(name: str) -> Callable[[Run, list[Value], dict[str, Value], ir.Span], Value]:
    def call(run: Run, positional: list[Value], _keywords: dict[str, Value], _span: ir.Span) -> Value:
        return run.term(name, *positional)

    return call


_BUILTIN_CALLS: dict[str, Callable[[Run, list[Value], dict[str, Value], ir.Span], Value]] = {
    "getattr": _getattr,
    "setattr": _setattr,
    "object.__setattr__": _setattr,
    "hasattr": _hasattr,
    "type": _type,
    "vars": _vars,
    "tuple": _as_group,
    "list": _as_group,
    "dict": _new_dict,
    "collections.defaultdict": lambda run, *_: Thing("dict"),
    "collections.OrderedDict": _new_dict,
    "collections.deque": lambda run, *_: Thing("list"),
    "map": _map,
    "operator.setitem": _setitem,
    "dataclasses.replace": lambda run, positional, keywords, span: either(
        _with_fields(run, [option], keywords, span) for option in options(positional[0])
    ),
    "torch.utils._pytree.tree_map": _tree_map,
    "optree.tree_map": _tree_map,
    "tree.map_structure": _tree_map,
    "range": _iterated("range"),
    "enumerate": _iterated("enumerate"),
    "zip": _iterated("zip"),
    "typing.cast": lambda run, positional, *_: positional[1] if len(positional) > 1 else UNKNOWN,
}

_MODULE_METHODS = frozenset(
    "parameters named_parameters modules named_modules children named_children buffers named_buffers "
    "train eval to cpu cuda apply requires_grad_ zero_grad state_dict load_state_dict half float "
    "double type get_parameter get_submodule get_buffer extra_repr register_forward_hook "
    "register_forward_pre_hook".split()
)
