"""Follows values through the methods of one linked class, as a trainer would call them.

The class is built and its forward is run over symbolic values: what it reads from and writes to the
TensorDict, what it stores on itself, what it overwrites in place, what its recurrent cores receive and where
their states go. Calls to its own methods, its bases, its nets and the project's functions are followed;
both sides of a branch are, where the test cannot be decided. What is not understood becomes `UNKNOWN`, and
what is handed to something not understood is recorded as `Escape`. Bounded in depth and in work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from policyfix.facts import ir
from policyfix.flow.calls import PURE_PACKAGES, Calls, with_fields
from policyfix.flow.containers import is_named_tuple
from policyfix.flow.machine import Frame, State
from policyfix.heap import either_of, joined
from policyfix.project import Constant, External, FunctionRef, LinkedClass, Module, Symbol, Unresolved
from policyfix.trace import Branch, Compared, Escape, NetCall, Place, Rebound, Returned, Trace
from policyfix.values import (
    MAX_ALTERNATIVES,
    NONE,
    UNKNOWN,
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
    group,
    is_keyword,
    is_none,
    is_tensordict,
    options,
    states_of,
)
from policyfix.values import keywords as keywords_in

MAX_DEPTH = 24
MAX_STEPS = 60_000
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
        "typing.overload",
        "typing_extensions.overload",
        "typing.override",
        "typing_extensions.override",
        "typing.no_type_check",
        "abc.abstractmethod",
        "override",
        "staticmethod",
        "classmethod",
        "property",
        "functools.cached_property",
        "functools.wraps",
        "functools.cache",
        "functools.lru_cache",
        "beartype.beartype",
        "jaxtyping.jaxtyped",
        "typeguard.typechecked",
        "torch.profiler.record_function",
        "torch.autograd.profiler.record_function",
        "torch.enable_grad",
        "torch.autocast",
        "torch.amp.autocast",
        "torch.amp.autocast_mode.autocast",
        "torch.cuda.amp.autocast",
    }
    | NO_GRAD
    | MANAGERS
)


class _ExhaustedError(Exception):
    """The run took more steps than it may."""


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


class _Narrowed(NamedTuple):
    """A name, or an attribute of an instance, that holds fewer values where a test says so."""

    thing: Thing | None
    name: str
    before: Value
    now: Value


class Run(Calls):
    """One symbolic execution. Build the instance first, then call its methods."""

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        """`absent`: keys that the forward's TensorDict does not have."""
        super().__init__(absent)
        self._steps = 0
        self._blocks: list[_Block] = []  # of the `with` statements whose context is being evaluated
        self._again = 0  # loops that are in their second pass
        self._looped: set[int] = set()  # loops that were run, by identity
        self._wrappers: dict[ir.FunctionFacts, Value | None] = {}  # what decorators make of a function
        self._opened = False  # the call that is being made may give keywords that are not known

    # ----------------------------------------------------------------------------------- interface

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
        unnamed = [p.name for p in function.parameters if p.kind == "positional-only" and p.name in arguments]
        first = [arguments[name] for name in unnamed]
        named = {name: value for name, value in arguments.items() if name not in unnamed}
        result = self._guarded(
            lambda: self._call_function(function, owner.module, owner, thing, first, named)
        )
        self.trace.returned = result
        self.trace.heap = self._state.heap
        self.trace.returns = self._state.alive
        return self.trace

    def _guarded(self, work: Callable[[], Value]) -> Value:
        try:
            return work()
        except (_ExhaustedError, RecursionError):
            self.trace.complete = False
            self._stack.clear()
            self._blocks.clear()
            self._again = 0
            return UNKNOWN

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

    # ----------------------------------------------------------------------------------- functions

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
        wrapper = self._wrapper(function, module, owner) if function.decorators and names is None else None
        if wrapper is not None:
            given = [*([] if receiver is None else [receiver]), *positional]
            return self._call_wrapper(wrapper, given, keywords, open_ended)
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
        if frame.yielded:
            return self.term("each", either(frame.yielded))
        return frame.exits[0][0] if len(frame.exits) == 1 else either(value for value, _ in frame.exits)

    def _call_wrapper(
        self, wrapper: Value, arguments: list[Value], keywords: dict[str, Value], open_ended: bool
    ) -> Value:
        """What a decorator of the project made of a function; a method's first argument is its receiver."""
        match wrapper:
            case Local(function=function, module=module, environment=names):
                return self._call_function(
                    function, module, None, None, arguments, keywords, names, open_ended=open_ended
                )
            case Ref(symbol=FunctionRef(facts=function, module=module, owner=owner)):
                receiver = arguments.pop(0) if owner is not None and arguments else None
                return self._call_function(
                    function, module, owner, receiver, arguments, keywords, open_ended=open_ended
                )
            case _:
                raise AssertionError(wrapper)

    def _wrapper(self, function: ir.FunctionFacts, module: Module, owner: LinkedClass | None) -> Value | None:
        """What decorators of the project make of a function; None where there are none, or where another
        decorator or what they make is not understood."""
        if function in self._wrappers:
            return self._wrappers[function]
        called = [d.function if isinstance(d, ir.Call) else d for d in function.decorators]
        symbols = [module.resolve(expr) for expr in called]
        result: Value | None = None
        if any(isinstance(symbol, FunctionRef) for symbol in symbols) and all(
            isinstance(symbol, FunctionRef)
            or self._decorator(expr, module) in PLAIN_DECORATORS - NO_GRAD - MANAGERS
            for symbol, expr in zip(symbols, called, strict=True)
        ):
            bare = ir.FunctionFacts(
                function.name, function.qualname, function.parameters, (), function.body, function.span
            )
            result = Ref(FunctionRef(bare, module, owner))
            self._stack.append(Frame(module, None, bare, None))
            outer, self._state.names = self._state.names, {}
            for decorator, symbol in reversed(list(zip(function.decorators, symbols, strict=True))):
                if isinstance(symbol, FunctionRef):
                    maker: Value = Ref(symbol)
                    if isinstance(decorator, ir.Call):
                        maker = self._call(decorator)
                    result = self._made_by(maker, result)
            self._state.names = outer
            self._stack.pop()
        self._wrappers[function] = result
        return result

    def _made_by(self, decorator: Value, function: Value | None) -> Value | None:
        """What a decorator makes of a function, where both are functions of the project."""
        if function is None or not _is_function(decorator):
            return None
        made = self._call_wrapper(decorator, [function], {}, False)
        return made if _is_function(made) else None

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
                if open_ended or self._opened or len(self._stack) <= 1:  # others may be among them
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

    # ---------------------------------------------------------------------------------- statements

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
                self._branch(test, body, orelse, span)
            case ir.Loop():
                self._loop(node)
            case ir.With():
                self._with(node)
            case ir.Try():
                self._try(node)
            case ir.Jump(kind=kind):
                if self._frame.loops:
                    self._frame.loops[-1][kind].append(self._state.copy())
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
        self, asked: ir.Expr, body: tuple[ir.Stmt, ...], orelse: tuple[ir.Stmt, ...], span: ir.Span
    ) -> None:
        test = self._eval(asked)
        truth, left = self._truth(test), self._departures()
        with self._tested(test, span):
            if truth is None:
                self._paths(test, asked, body, orelse)
            else:
                self._block(body if truth else orelse)
        if truth is None and self._departures() > left:  # what follows runs on one side only
            self._guards.append(test)

    def _departures(self) -> int:
        """How often a path left the block that runs now, other than by an exception."""
        frame = self._frame
        return len(frame.exits) + sum(len(states) for left in frame.loops for states in left.values())

    def _paths(
        self, test: Value, asked: ir.Expr, body: tuple[ir.Stmt, ...], orelse: tuple[ir.Stmt, ...]
    ) -> None:
        """Both sides of a test, each from the state as it stands; then whichever came through."""
        start = self._state
        ends: list[State] = []
        branch = self._tick()
        depth = len(self._guards)
        for number, arm in enumerate((body, orelse)):
            del self._guards[depth:]
            if number == 1:
                self._guards[-1] = self.term("not", test)
            self._state = start.copy()
            self._narrow(asked, number == 0)
            if (graphs := _graphs_missing(test, number == 0)) is not None:
                names = self._state.names
                names.update({n: self._without_graph(value, graphs) for n, value in names.items()})
            self._arm(branch, number, arm)
            if self._state.alive:
                ends.append(self._state)
        if ends:
            self._state = self._join(ends)
        else:
            self._state = start
            self._state.alive = False

    def _narrow(self, test: ir.Expr, holds: bool) -> list[_Narrowed]:
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

    def _choose(self, place: ir.Expr, choose: Callable[[Value], Value]) -> list[_Narrowed]:
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
        narrowed = _Narrowed(thing, name, held, chosen)
        self._put_at(thing, name, narrowed.now)
        return [narrowed]

    def _held_at(self, thing: Thing | None, name: str) -> Value | None:
        return self._state.names.get(name) if thing is None else self._state.heap.get(thing, name)

    def _put_at(self, thing: Thing | None, name: str, value: Value) -> None:
        if thing is None:
            self._state.names[name] = value
        else:
            self._state.heap.put(thing, name, value)

    def _eval_where(self, test: ir.Expr, holds: bool, node: ir.Expr) -> Value:
        """An expression that is evaluated only where a test holds, or only where it does not."""
        narrowed = self._narrow(test, holds)
        value = self._eval(node)
        for one in narrowed:
            if self._held_at(one.thing, one.name) is one.now:
                self._put_at(one.thing, one.name, one.before)
        return value

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
        skipped: list[State] = []
        self._frame.loops.append({"break": exits, "continue": skipped})
        if node.target is None:
            with self._tested(element, node.span):
                self._block(node.body)
        else:
            self._block(node.body)
        self._frame.loops.pop()
        if ends := [s for s in (self._state, *skipped) if s.alive]:
            self._state = self._join(ends)
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
        """Where a generator hands over: to a loop over it; as a context manager, to the body of the `with`
        that called it."""
        frame, block = self._frame, self._blocks[-1] if self._blocks else None
        is_manager = any(self._decorator(d, frame.module) in MANAGERS for d in frame.function.decorators)
        if not is_manager or block is None or block.is_done or len(self._stack) != block.depth + 1:
            frame.yielded.append(value)
            return UNKNOWN
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
            case ir.Subscript(
                value=ir.Attribute(value=ir.Name() | ir.Attribute() as owner, name="_parameters"),
                items=(key,),
            ) if isinstance(module := self._eval(owner), Term):
                asked = self._eval(key)
                known = asked.value if isinstance(asked, Const) and isinstance(asked.value, str) else "*"
                self._set_attribute(module, known, value, span)
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

    # ---------------------------------------------------------------------------------- attributes

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

    def _get_attribute(self, owner: Value, name: str) -> Value:
        if isinstance(owner, Either):
            return either(self._get_attribute(o, name) for o in owner.options if o != NONE)  # that raises
        match owner:
            case Thing(kind="instance", cls=cls) if cls is not None:
                return self._instance_attribute(owner, cls, name)
            case Thing(kind="instance"):  # a namespace
                return self._state.heap.get(owner, name) or self.term("attribute", owner, Const(name))
            case Thing():
                return Method(owner, name)
            case Method():  # of what `getattr` gave
                attribute = self._uncalled(owner)
                return UNKNOWN if isinstance(attribute, Method) else self._get_attribute(attribute, name)
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
            case Const(value=str()) if name == "value":  # of a member of an enumeration
                return owner
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
                if key == name and ir.is_spelt_out(value):
                    return self._eval(value)
        return None

    def _member(self, symbol: Symbol, name: str) -> Value:
        if isinstance(symbol, LinkedClass):
            found = symbol.find(name)
            if found is not None:
                function, owner = found
                if any(self._decorator(d, owner.module) == "classmethod" for d in function.decorators):
                    return Bound(function, owner, Ref(symbol))
                return Ref(FunctionRef(function, owner.module))
            table = self._class_constant(symbol, name)
            if table is not None and not _is_there_to_be_set(table):
                return table
        member = self._frame.module.part(symbol, name)
        if isinstance(member, Constant):
            table = self._eval(member.value)
            return UNKNOWN if _is_there_to_be_set(table) else table
        return UNKNOWN if isinstance(member, Unresolved) else Ref(member)

    def _index(self, items: tuple[ir.Expr, ...]) -> Value:
        values = [self._eval(item) for item in items]
        return values[0] if len(values) == 1 else group(values)

    # --------------------------------------------------------------------------------- expressions

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
                    arms = [self._eval_where(test, True, body), self._eval_where(test, False, orelse)]
                for number, arm in enumerate(arms):
                    if (graphs := _graphs_missing(tested, number == 0)) is not None:
                        arms[number] = self._without_graph(arm, graphs)
                return either(arms)
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
        if isinstance(attribute, Either) and any(isinstance(o, Method) for o in attribute.options):
            return either(map(self._uncalled, attribute.options))
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
        if isinstance(symbol, Constant):
            return self._eval(symbol.value)
        if isinstance(symbol, Unresolved):
            found = frame.module.facts.lookup(name)
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

    def _operation(self, operator: str, operands: tuple[ir.Expr, ...]) -> Value:
        if operator in ("and", "or"):
            left = self._eval(operands[0])
            truth = self._truth(left)
            if truth is not None:
                return self._eval(operands[1]) if truth == (operator == "and") else left
            with self._guarded_by(left):
                right = self._eval_where(operands[0], operator == "and", operands[1])
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
        if operator == "|":
            choices = [c for v in values for c in (v.items if isinstance(v, Group) else (v,))]
            if all(isinstance(choice, Ref) for choice in choices):  # `nn.Linear | nn.Conv2d`
                return group(choices)
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

    # --------------------------------------------------------------------------------------- calls

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
        for place, argument in enumerate(node.arguments):
            value = self._eval(argument.value)
            if argument.star == "*":
                elements = self._elements(value)
                spread = spread or elements is None
                if elements is None:
                    elements = self._spread(value, callee, len(positional), node.arguments[place + 1 :])
                positional.extend(elements)
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

    def _spread(
        self, value: Value, callee: Value, before: int, after: tuple[ir.Argument, ...]
    ) -> list[Value]:
        """The positional arguments that `*value` stands for, where nobody sees how many: what the arguments
        after it leave of the parameters, or what may be any of them."""
        later = sum(a.keyword is None and not a.star for a in after)
        match callee:
            case Bound(function=function):
                bound = 1
            case Local(function=function) | Ref(symbol=FunctionRef(facts=function)):
                bound = 0
            case _:
                later = 0
        if not later:
            return [value]
        named = {argument.keyword for argument in after}
        places = [p for p in function.parameters if p.kind in ("positional-only", "positional")][bound:]
        free = [p for p in places if p.name not in named][before:]
        is_certain = not any(p.default for p in free) and function.parameter("*") is None
        return [self._element(value)] * (len(free) - later) if is_certain else [UNKNOWN] * len(free)

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
            case Local():
                return self._call_wrapper(callee, positional, keywords, False)
            case Ref(symbol=FunctionRef()):
                return self._call_wrapper(callee, positional, keywords, spread)
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
        fields = cls.fields
        known = not (spread or cls.is_module or len(positional) > len(fields))
        given = dict(zip(fields, positional, strict=False)) if known else {}
        has_default = any(base.facts.defines(name) for base in cls.linked for name in fields)
        if spread and len(positional) == 1 and not has_default:  # `Carry(*state)`: one item for each field
            given = {name: self._item(positional[0], Const(i)) for i, name in enumerate(fields)}
        elif spread or self._opened:  # any field may be among what is not known
            given = {name: self.term("attribute", thing, Const(name)) for name in fields} | given
        elif known:  # a container of its own for each instance
            made = {name: _container(cls, name) for name in fields if name not in given | keywords}
            given |= {name: self._eval(node) for name, node in made.items() if node is not None}
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
        if name == "_replace" and owner.cls is not None and is_named_tuple(owner.cls):
            return with_fields(self, [owner], keywords, span)
        self._leave(Method(owner, name), [*positional, *keywords.values()], span)
        return UNKNOWN


def _is_function(value: Value) -> bool:
    return isinstance(value, Local) or (isinstance(value, Ref) and isinstance(value.symbol, FunctionRef))


def _container(cls: LinkedClass, name: str) -> ir.Expr | None:
    """What a field of a dataclass starts as, where it says `field(default_factory=dict)`: `dict()`."""
    declared = next(
        (value for base in cls.linked for key, value in base.facts.attributes if key == name), None
    )
    if not isinstance(declared, ir.Call):
        return None
    made = next((a.value for a in declared.arguments if a.keyword in ("default_factory", "factory")), None)
    is_plain = made in (ir.Name("dict"), ir.Name("list"))
    return ir.Call(made, (), declared.span) if made is not None and is_plain else None


def _fitting(held: Value, fits: Callable[[Value], bool]) -> Value:
    """The alternatives that fit, where there are some."""
    chosen = [option for option in held.options if fits(option)] if isinstance(held, Either) else []
    return either(chosen) if chosen else held


def _is_there_to_be_set(constant: Value) -> bool:
    """Whether a constant of a class or a module is a single value, which others may set, but for a name."""
    return isinstance(constant, Const) and not isinstance(constant.value, str)


def _is_bool(value: Value) -> bool:
    return isinstance(value, Term) and (value.op == "not" or value.op.startswith("compare"))


def _inside(value: Value) -> Value:
    """The element of an iterated value, else the value."""
    return value.args[0] if isinstance(value, Term) and value.op == "each" else value


def _attribute_term(method: Method) -> str:
    return f"tensordict.{method.name}" if is_tensordict(method.receiver) else f".{method.name}"


def _graphs_missing(test: Value, holds: bool) -> Value | None:
    """What has no graph where a test holds, or does not: a value, or unknown for all of them."""
    while isinstance(test, Term) and test.op == "not":
        test, holds = test.args[0], not holds
    if holds or not isinstance(test, Term):
        return None
    if test.op == "torch.is_grad_enabled":
        return UNKNOWN
    return test.args[0] if test.op == ".requires_grad" else None


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


_MODULE_METHODS = frozenset(
    "parameters named_parameters modules named_modules children named_children buffers named_buffers "
    "train eval to cpu cuda apply requires_grad_ zero_grad state_dict load_state_dict half float "
    "double type get_parameter get_submodule get_buffer extra_repr register_forward_hook "
    "register_forward_pre_hook".split()
)
