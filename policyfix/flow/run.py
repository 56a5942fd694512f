"""Follows values through the methods of one linked class, as a trainer would call them.

The class is built and its forward is run over symbolic values: what it reads from and writes to the
TensorDict, what it stores on itself, what it overwrites in place, what its recurrent cores receive and where
their states go. Calls to its own methods, its bases, its nets and the project's functions are followed;
both sides of a branch are, where the test cannot be decided. What is not understood becomes `UNKNOWN`, and
what is handed to something not understood is recorded as `Escape`. Bounded in depth and in work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policyfix.facts import ir
from policyfix.flow.decorators import MANAGERS, NO_GRAD, decorator_name
from policyfix.flow.expressions import ExhaustedError
from policyfix.flow.functions import Functions
from policyfix.flow.machine import State
from policyfix.flow.narrowing import graphs_missing
from policyfix.project import LinkedClass
from policyfix.trace import Branch, Returned, Trace
from policyfix.values import (
    MAX_ALTERNATIVES,
    NONE,
    UNKNOWN,
    Const,
    Local,
    Term,
    Thing,
    Value,
    options,
)


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


class Run(Functions):
    """One symbolic execution. Build the instance first, then call its methods."""

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        """`absent`: keys that the forward's TensorDict does not have."""
        super().__init__(absent)
        self._blocks: list[_Block] = []  # of the `with` statements whose context is being evaluated
        self._again = 0  # loops that are in their second pass
        self._looped: set[int] = set()  # loops that were run, by identity

    # ----------------------------------------------------------------------------------- interface

    def build(self, cls: LinkedClass, arguments: dict[str, Value], open_ended: bool = False) -> Thing:
        """An instance of the class, constructed with keyword arguments (others take their defaults; nobody
        knows them where it is `open_ended`)."""
        thing = Thing("instance", cls)
        found = cls.find("__init__")
        if found is not None:
            function, owner = found
            self._guarded(
                lambda: self._call_function(
                    function, owner.module, owner, thing, [], arguments, None, open_ended
                )
            )
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
        except (ExhaustedError, RecursionError):
            self.trace.complete = False
            self._stack.clear()
            self._blocks.clear()
            self._again = 0
            return UNKNOWN

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
            if (graphs := graphs_missing(test, number == 0)) is not None:
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
        if all(map(_is_device, options(value))):
            self._guards.append(self.term("torch.device", value))
        self._no_grad += no_grad
        self._block(block.body)
        self._no_grad -= no_grad
        del self._guards[guarded:]

    def _yield(self, value: Value) -> Value:
        """Where a generator hands over: to a loop over it; as a context manager, to the body of the `with`
        that called it."""
        frame, block = self._frame, self._blocks[-1] if self._blocks else None
        is_manager = any(decorator_name(d, frame.module) in MANAGERS for d in frame.function.decorators)
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
        if isinstance(old, Term) and old.op == "new:torch.nn.Parameter":
            return  # it is the same parameter
        self._assign(node.target, self._operate(node.operator, [old, operand]), node.span)


def _is_device(value: Value) -> bool:
    """Whether a value is a device: one that is made, a tensor's own, or one by its name."""
    match value:
        case Term(op="torch.device" | ".device" | "tensordict.device"):
            return True
        case Term(op="attribute" | "parameter", args=(*_, Const(value="device"))):
            return True
        case _:
            return False
