"""Runs the code around a policy: trainers, factories, buffers. Every call that it makes is recorded.

Only what matters is followed: project functions that speak of training, and what is given an episode flag.
Policies are not looked into; their calls are what the code around them is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path

from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.flow.machine import State
from policyfix.flow.run import Run
from policyfix.project import External, FunctionRef, LinkedClass, Module, Project, Symbol
from policyfix.subjects.training_code import (
    Code,
    contract_words,
    is_generator,
    speaks_of_stamps,
    uses_in,
    writes_to_rows,
)
from policyfix.trace import Carried, CopyWrite, Invocation, Region, Trace
from policyfix.values import (
    TENSORDICTS,
    UNKNOWN,
    Bound,
    Const,
    Either,
    Group,
    Local,
    Method,
    Ref,
    Term,
    Thing,
    Value,
    either,
    is_tensordict,
    keyword,
    options,
    parts,
    walk,
)

TENSORS = frozenset({"torch.Tensor", "torch.LongTensor", "torch.BoolTensor", "torch.IntTensor"})
SPECS = frozenset(f"torchrl.data.{name}" for name in ("Composite", "CompositeSpec"))


class Program(Run):
    """One run of a `Code`."""

    def __init__(self, code: Code, contract: Contract) -> None:
        super().__init__()
        self.code = code
        self.instance: Thing | None = None
        self.contract = contract
        # What functions speak of that take part in training: methods, and keys of the TensorDict.
        self._words = contract_words(contract) | {
            *("step", "backward", "zero_grad", "clip_grad_norm_", "clip_grad_value_", "manual_backward")
        }
        if contract.spec_method is not None:
            self._words |= {contract.spec_method}
        self._asked = contract.method_names | {"step", "zero_grad", "backward"}
        self._text = contract_words(contract) | {".backward(", ".zero_grad(", ".step()", "clip_grad_norm_("}
        self._text |= {"].update(", "].update_("}
        self._within: list[Region] = []
        self._loops: list[_Loop] = []  # the loops that run
        self._calls: list[_Call] = []  # the calls that are being evaluated
        self._parts: dict[LinkedClass, bool] = {}
        self._run: set[Local] = set()  # the functions inside of others that are called
        self._handing: set[LinkedClass] = set()  # the classes of which an instance is being made up
        self._spoken: dict[Value, bool] = {}
        self._worth_reading: dict[int, bool] = {}  # imports, by identity
        self._statement_call: ir.Call | None = None
        self.tests: dict[int, Value] = {}  # of branches, by their number
        self._deciding: list[Value] = []  # of the branches that are being run
        self.skips: list[tuple[tuple[Region, ...], int]] = []  # where a pass goes over to the next one

    def run(self) -> Trace:
        """Runs the functions in the order in which they are written; a class is constructed first."""
        if self.code.cls is not None:
            self.instance = self.build(self.code.cls, {})
            self._fill_by_hints(self.instance, self.code.cls)
        for number, (function, owner) in enumerate(self.code.functions):
            module = self.code.module if owner is None else owner.module
            receiver = None if _is_static(function) else self.instance
            with self.aside():
                self._within, self._loops, self._calls = [Region("entry", 0, number)], [], []
                made = self._guarded(
                    lambda: self._call_function(function, module, owner, receiver, [], {}, open_ended=True)  # noqa: B023
                )
                self._within = [Region("entry", 1, number)]
                for local in options(made):
                    if isinstance(local, Local) and local not in self._run:  # made for others to run
                        self._guarded(lambda: self._call_wrapper(local, [], {}, open_ended=True))  # noqa: B023
        return self.trace

    # ------------------------------------------------------------------------------- what is what

    def _fill_by_hints(self, thing: Thing, cls: LinkedClass) -> None:
        """Attributes that class bodies annotate, and no constructor sets: fields of a dataclass, say."""
        for base in reversed(cls.linked):
            for name, hint in zip(base.facts.fields, base.facts.hints, strict=True):
                value = self.term("attribute", thing, Const(name))
                known = self._annotated(hint, name, value, base.module)
                if known is not value and self._state.heap.get(thing, name) is None:
                    self._state.heap.update(thing, {name: known})

    def _bind(
        self,
        function: ir.FunctionFacts,
        receiver: Value | None,
        positional: list[Value],
        keywords: dict[str, Value],
        open_ended: bool,
    ) -> dict[str, Value]:
        bound = super()._bind(function, receiver, positional, keywords, open_ended)
        for parameter in function.parameters:
            value = bound.get(parameter.name)
            if isinstance(value, Term) and value.op == "parameter" and parameter.annotation is not None:
                hint, module = parameter.annotation, self._frame.module
                bound[parameter.name] = self._annotated(hint, parameter.name, value, module)
        return bound

    def _annotated(self, annotation: ir.Expr, name: str, value: Value, module: Module) -> Value:
        """A parameter of which the annotation says what it is."""
        match annotation:
            case ir.Operation(operator="|", operands=(inner, ir.Literal(value=None))):
                return self._annotated(inner, name, value, module)
            case ir.Subscript(value=ir.Name(id="Optional") | ir.Attribute(name="Optional"), items=(inner,)):
                return self._annotated(inner, name, value, module)
            case ir.Name() | ir.Attribute():
                symbol = module.resolve(annotation) if self._is_worth_reading(annotation, module) else None
            case _:
                return value
        if isinstance(symbol, LinkedClass):
            return self._handed(symbol)
        dotted = symbol.name if isinstance(symbol, External) else ""
        kind = "td" if dotted in TENSORDICTS else "tensor" if dotted in TENSORS else None
        kind = "spec" if dotted in SPECS else kind
        kind = "optimizer" if is_optimizer_class(dotted) else kind
        return value if kind is None else self.term(kind, Const(name))

    def _handed(self, cls: LinkedClass) -> Thing:
        """An instance that somebody else made, and hands over: one that takes part in training holds what its
        constructor gives it."""
        thing, found = Thing("instance", cls), cls.find("__init__")
        if found is None or self._loops or cls in self._handing or not self._is_part(cls):
            return thing
        self._handing.add(cls)
        function, owner = found
        self._call_function(function, owner.module, owner, thing, [], {}, open_ended=True)
        self._state.alive = True
        self._handing.remove(cls)
        return thing

    def _is_worth_reading(self, expr: ir.Expr, module: Module) -> bool:
        """Whether what a name is imported from can take part in training: other files are not even parsed."""
        head, names = expr, list[str]()
        while isinstance(head, ir.Attribute):
            names.append(head.name)
            head = head.value
        if not isinstance(head, ir.Name):
            return True
        spellings = accumulate([head.id, *reversed(names)], "{}.{}".format)  # `import a.b` brings a, and a.b
        bindings = (module.facts.lookup(spelling) for spelling in spellings)
        return all(self._speaks(b, module) for b in bindings if isinstance(b, ir.Imported))

    def _speaks(self, binding: ir.Imported, module: Module) -> bool:
        """Whether an import is worth resolving: it is none of the project's, or in a file of training."""
        asked = id(binding)  # asked at every use of the name
        if asked not in self._worth_reading:
            path = module.project.imported_file(binding, module)
            self._worth_reading[asked] = path is None or (
                self.code.serves and (path.name == "__init__.py" or self._may_matter(path, module.project))
            )
        return self._worth_reading[asked]

    def _may_matter(self, path: Path, project: Project) -> bool:
        if project.mentions(path, self._text):
            return True
        stamps = self.contract.stamps
        return bool(stamps) and all(project.mentions(path, frozenset({stamp})) for stamp in stamps)

    def _member(self, symbol: Symbol, name: str) -> Value:
        binding = self._frame.module.submodule(symbol, name)
        if binding is not None and not self._speaks(binding, self._frame.module):
            return self.term("imported", Const(binding.name))
        return super()._member(symbol, name)

    def _lookup(self, name: str) -> Value:
        module = self._frame.module
        is_local = name in self._state.names or name in self._frame.symbols
        if not is_local and not self._is_worth_reading(ir.Name(name), module):
            return self.term("imported", Const(name))
        found = super()._lookup(name)
        return self.term("global", Const(module.path), Const(name)) if found is UNKNOWN else found

    # ------------------------------------------------------------------------------- statements

    def _statement(self, node: ir.Stmt) -> None:
        match node:
            case ir.Import(names=names):
                module = self._frame.module
                for binding in names:
                    if self._speaks(binding, module):
                        self._frame.symbols[binding.name] = module.project.imported(binding, module)
                        self._state.names.pop(binding.name, None)
                    else:
                        self._state.names[binding.name] = self.term("imported", Const(binding.name))
            case ir.Evaluate(value=ir.Call() as call):
                self._statement_call = call
                super()._statement(node)
            case ir.Jump(kind="continue"):
                self.skips.append((tuple(self._within), self._tick()))
                super()._statement(node)
            case _:
                super()._statement(node)

    def _paths(
        self, test: Value, asked: ir.Expr, body: tuple[ir.Stmt, ...], orelse: tuple[ir.Stmt, ...]
    ) -> None:
        self._deciding.append(test)
        super()._paths(test, asked, body, orelse)
        self._deciding.pop()

    def _arm(self, branch: int, number: int, body: tuple[ir.Stmt, ...]) -> None:
        self.tests[branch] = self._deciding[-1]
        self._within.append(Region("arm", branch, number))
        super()._arm(branch, number, body)
        self._within.pop()

    def _loop(self, node: ir.Loop) -> None:
        backwards = _runs_backwards(node.iterable) or _counts_from_the_end(node)
        self._loops.append(_Loop(self._tick(), backwards))
        super()._loop(node)
        self._loops.pop()

    def _pass(self, node: ir.Loop, element: Value, exits: list[State]) -> None:
        loop = self._loops[-1]
        self._within.append(Region("pass", loop.site, loop.passes))
        loop.passes += 1
        super()._pass(node, element, exits)
        self._within.pop()

    def _assign(self, target: ir.Expr, value: Value, span: ir.Span) -> None:
        backwards = bool(self._loops) and self._loops[-1].backwards
        match target:
            case ir.Name(id=name) if backwards:
                old = set(options(self._state.names.get(name, UNKNOWN)))
                if value not in old and any(part in old for part in walk(value) if isinstance(part, Term)):
                    self._record(Carried(value, self._place(span), self._tick()))
            case ir.Subscript(value=written):
                owner = self._eval(written)
                if backwards and set(options(owner)) & set(_indexed(value)):
                    self._record(Carried(value, self._place(span), self._tick()))
                self._note_copy(written, owner, None, span)
            case _:
                pass
        super()._assign(target, value, span)

    def _note_copy(self, written: ir.Expr, value: Value, method: str | None, span: ir.Span) -> None:
        """Records a write into something that only an index gave, and that nothing else will ever see."""
        depth = 0
        while True:
            if isinstance(written, ir.Subscript):
                depth += 1
                written = written.value
            elif isinstance(written, ir.Attribute):
                written = written.value
            elif isinstance(written, ir.Call) and isinstance(written.function, ir.Attribute):
                written = written.function.value
            else:
                break
        if isinstance(written, ir.Name) and depth == 0:
            function = self._frame.function
            is_given = any(parameter.name == written.id for parameter in function.parameters)
            depth = int(uses_in(function)[written.id] == 2 and not is_given)  # where it is bound, and here
        while depth and isinstance(value, Term) and value.args:
            if value.op in ("index", "td.index"):
                owner, index = value.args[:2]
                self._record(CopyWrite(owner, index, method, self._place(span), self._tick()))
            if value.op in ("index", "td.index", "item"):
                depth -= 1
            value = value.args[0]

    # ------------------------------------------------------------------------------------ calls

    def _call(self, node: ir.Call) -> Value:
        self._calls.append(_Call())
        result = super()._call(node)
        self._calls.pop()
        return result

    def _entries(self, value: Value) -> dict[str, Value]:
        known = isinstance(value, Thing) and "*" not in self._state.heap.of(value)
        if self._calls and not known:
            self._calls[-1].open_ended = True
        return super()._entries(value)

    def _apply(
        self,
        callee: Value,
        positional: list[Value],
        keywords: dict[str, Value],
        spread: bool,
        node: ir.Call,
    ) -> Value:
        arguments = [*positional, *keywords.values()]
        callee = self._read_after_all(callee, node.function, arguments)
        receiver, name = _called(callee)
        if callee is UNKNOWN and isinstance(node.function, ir.Attribute):  # of something that is not followed
            name = node.function.name
        match callee:
            case Term(op="attribute", args=(Thing() as owner, Const(value=str(called)))) if (
                called in self._asked
            ):
                receiver, name = owner, called  # a method that an abstract class leaves to others
        follows = self._follows(callee, arguments)
        if isinstance(callee, Local):
            self._run.add(callee)
        is_method = isinstance(node.function, ir.Attribute) and node is self._statement_call
        if is_method and receiver is not None and _writes_in_place(receiver, name):
            assert isinstance(node.function, ir.Attribute)
            self._note_copy(node.function.value, receiver, name, node.span)
        if name == "append" and arguments and self._loops and self._loops[-1].backwards:
            kept = {i for o in options(receiver or UNKNOWN) if isinstance(o, Group) for i in o.items}
            if any(part in kept for part in walk(arguments[0]) if isinstance(part, Term)):
                self._record(Carried(arguments[0], self._place(node.span), self._tick()))
        evaluation = self._calls[-1] if self._calls else _Call()
        open_ended = spread or evaluation.open_ended
        at = len(self.trace.events)
        head = node.function
        if isinstance(head, ir.Attribute) and receiver not in (None, callee):
            head = head.value
        place, order = self._place(node.span), self._tick()
        if follows:
            result = super()._apply(callee, positional, keywords, open_ended, node)
        else:
            result = self._result(callee, receiver, name, positional, keywords, node)
        earlier = None if evaluation.at is None else self.trace.events[evaluation.at]
        if isinstance(earlier, Invocation) and evaluation.at is not None:  # of another value of the receiver
            self.trace.events[evaluation.at] = _merged(earlier, receiver, result, follows)
        else:
            evaluation.at = at
            call = Invocation(
                receiver,
                name,
                tuple(positional),
                tuple(keywords.items()),
                open_ended,
                result,
                _spelling(head),
                tuple(self._within),
                follows,
                place,
                order,
            )
            self.trace.events.insert(at, call)
        return result

    def _read_after_all(self, callee: Value, named: ir.Expr, arguments: list[Value]) -> Value:
        """What is called: also a function of a file that was not worth reading, where it is given what the
        contract names, by whatever name it calls that."""
        match callee, named:
            case (
                Term(op="imported", args=(Const(value=name),)),
                ir.Name(id=written) | ir.Attribute(name=written),
            ) if name == written and self.code.serves and any(map(self._is_spoken, arguments)):
                symbol = self._frame.module.resolve(named)
                return Ref(symbol) if isinstance(symbol, FunctionRef) else callee
            case _:
                return callee

    def _follows(self, callee: Value, arguments: list[Value]) -> bool:
        """Whether the run looks into what is called."""
        if not self.code.serves:
            return False
        match callee:
            case Bound(function=function, receiver=receiver):
                if _is_module(receiver) and receiver is not self.instance:
                    return False
                is_ours = (
                    isinstance(receiver, Thing) and receiver.cls is not None and self._is_part(receiver.cls)
                )
                return is_ours or receiver is self.instance or self._matters(function, arguments)
            case Ref(symbol=FunctionRef(facts=facts, module=module)):
                return self._matters(facts, arguments) or self._leads_on(facts, module)
            case Ref(symbol=LinkedClass() as cls) | Thing(kind="instance", cls=LinkedClass() as cls):
                return self._is_part(cls)
            case Local():
                return True
            case _:
                return False

    def _is_part(self, cls: LinkedClass) -> bool:
        """Whether a class takes part in training: a buffer, a trainer; policies are not looked into."""
        if cls not in self._parts:
            methods = (f for c in cls.linked for f in c.facts.functions)
            self._parts[cls] = not cls.is_module and any(self._matters(f, []) for f in methods)
        return self._parts[cls]

    def _matters(self, function: ir.FunctionFacts, arguments: list[Value]) -> bool:
        if self._words & ir.words_in(function) or writes_to_rows(function):
            return True
        if speaks_of_stamps(function, self.contract) or is_generator(function):  # of minibatches, maybe
            return True
        return any(self._is_spoken(a) for a in arguments)

    def _leads_on(self, function: ir.FunctionFacts, module: Module) -> bool:
        """Whether a function names another one of its file that matters, or that leads to one."""
        local = {f.name: f for f in module.facts.functions}
        todo, seen = [function], {function.name}
        while todo:
            for name in ir.names_in(todo.pop()) & local.keys() - seen:
                if self._matters(local[name], []):
                    return True
                seen.add(name)
                todo.append(local[name])
        return False

    def term(self, op: str, *args: Value) -> Term:
        made = super().term(op, *args)
        if made not in self._spoken:
            self._spoken[made] = entry_of(made) in self._words or any(self._is_spoken(a) for a in args)
        return made

    def _is_spoken(self, value: Value) -> bool:
        """Whether a value is made of an entry that the contract names."""
        if isinstance(value, (Group, Either)) and value not in self._spoken:
            self._spoken[value] = any(self._is_spoken(p) for p in parts(value))
        return self._spoken.get(value, False) if isinstance(value, (Term, Group, Either)) else False

    def _result(
        self,
        callee: Value,
        receiver: Value | None,
        name: str,
        positional: list[Value],
        keywords: dict[str, Value],
        node: ir.Call,
    ) -> Value:
        """What a call gives that is not followed: a value of its own for every place of a call."""
        arguments = [*positional, *self._named(keywords)]
        match callee:
            case Term(op="attribute", args=(Thing() as module, Const(value=str(method)))) if (
                method in _GIVING_ITSELF and _is_module(module)
            ):
                return module
        if isinstance(callee, (Ref, Method)) and not _is_project_function(callee):
            if isinstance(callee, Ref) and isinstance(callee.symbol, LinkedClass):
                return Thing("instance", callee.symbol)
            known = super()._apply(callee, positional, keywords, False, node)
            if name == "getattr" and isinstance(known, Method):  # an attribute, or what stands in for it
                return either([self.term(f".{known.name}", known.receiver), *positional[2:]])
            if known is not UNKNOWN:
                return known
        site = (self._frame.module.path, node.span)
        made_of = [] if receiver is None else [receiver]
        is_ours = isinstance(callee, Term) and callee.op != "imported"
        return self.term("call" if is_ours else "made", Const(site), Const(name), *made_of, *arguments)


@dataclass(slots=True)
class _Call:
    """A call that is being evaluated."""

    open_ended: bool = False  # `**` brings keywords that are not known
    at: int | None = None  # its event


def _merged(call: Invocation, receiver: Value | None, result: Value, followed: bool) -> Invocation:
    """One event for one call, whatever its receiver may be."""
    if call.receiver is not None and receiver is not None:
        receiver = either([call.receiver, receiver])
    return replace(
        call,
        receiver=receiver or call.receiver,
        result=either([call.result, result]),
        followed=call.followed or followed,
    )


@dataclass(slots=True)
class _Loop:
    site: int
    backwards: bool
    passes: int = 0


def _runs_backwards(iterable: ir.Expr) -> bool:
    """Whether a loop runs over time from the end: `reversed(range(T))`, `range(T - 1, -1, -1)`,
    `rewards[::-1]`, `rewards.flip(1).unbind(1)`, and what is zipped with such."""
    match iterable:
        case ir.Call(function=ir.Name(id="reversed") | ir.Attribute(name="flip")):
            return True
        case ir.Call(function=ir.Attribute(value=flipped, name="unbind" | "split")):
            return _runs_backwards(flipped)
        case ir.Call(function=ir.Name(id="zip" | "enumerate"), arguments=arguments):
            return any(_runs_backwards(argument.value) for argument in arguments)
        case ir.Subscript(items=(ir.Slice(parts=(None, None, ir.Literal(value=step))),)):
            return isinstance(step, int) and step < 0
        case ir.Call(
            function=ir.Name(id="range"), arguments=(_, _, ir.Argument(value=ir.Literal(value=step)))
        ):
            return isinstance(step, int) and step < 0
        case _:
            return False


def _counts_from_the_end(loop: ir.Loop) -> bool:
    """Whether a loop picks what it reads by a number from which it takes its own, `rewards[:, T - 1 - k]`, or
    that it makes smaller: `while k >= 0: ...; k -= 1`."""
    match loop:
        case ir.Loop(target=None) | ir.Loop(target=ir.Name(), iterable=ir.Call(function=ir.Name(id="range"))):
            nodes = list(ir.nodes(loop.body))
        case _:
            return False

    def takes_away(expr: object) -> bool:
        return isinstance(expr, ir.Operation) and expr.operator == "-" and expr.operands[-1] == loop.target

    names: set[ir.Expr] = {
        target
        for node in nodes
        if isinstance(node, ir.Assign) and takes_away(node.value)
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    if loop.target is None:
        names = {node.target for node in nodes if isinstance(node, ir.AugAssign) and node.operator == "-"}
    return any(
        takes_away(part) or part in names
        for node in nodes
        if isinstance(node, ir.Subscript)
        for part in ir.nodes(node.items)
    )


def _indexed(value: Value) -> Iterator[Value]:
    """Everything that a value is made of an element of."""
    for part in walk(value):
        if isinstance(part, Term) and part.op == "index":
            yield from options(part.args[0])


def _called(callee: Value) -> tuple[Value | None, str]:
    """The receiver and the name of what is called."""
    match callee:
        case Method(receiver=receiver, name=name):
            return receiver, name
        case Bound(function=function, receiver=receiver):
            return receiver, function.name
        case Ref(symbol=FunctionRef(facts=facts)):
            return None, facts.qualname
        case Ref(symbol=External(name=name)):
            return None, name
        case Ref(symbol=LinkedClass()):
            return callee, "__init__"
        case Term(op="imported", args=(Const(value=str(name)),)):
            return None, name
        case Local(function=function):
            return None, function.name
        case _:
            return callee, "__call__"


def _spelling(expr: ir.Expr) -> str:
    match expr:
        case ir.Name(id=name):
            return name
        case ir.Attribute(value=value, name=name):
            return f"{head}.{name}" if (head := _spelling(value)) else ""
        case _:
            return ""


def _is_module(value: Value) -> bool:
    return isinstance(value, Thing) and value.cls is not None and value.cls.is_module


# Methods of a module that give the module.
_GIVING_ITSELF = frozenset("to cuda cpu float half double bfloat16 train eval requires_grad_ apply".split())


def _is_project_function(callee: Value) -> bool:
    return isinstance(callee, Ref) and isinstance(callee.symbol, FunctionRef)


def _is_static(function: ir.FunctionFacts) -> bool:
    return ir.Name("staticmethod") in function.decorators


def _writes_in_place(receiver: Value, name: str) -> bool:
    """Whether a method overwrites its receiver: by its spelling, or as TensorDicts do."""
    if name in ("update", "set", "update_at_", "set_at_"):
        while isinstance(receiver, Term) and receiver.args and not is_td(receiver):
            receiver = receiver.args[0]
        return is_td(receiver)
    return name.endswith("_") and not name.endswith("__") and name not in ("requires_grad_", "share_memory_")


# ------------------------------------------------------------------------------- what values are


def entry_of(value: Value) -> str | None:
    """The key, where a value is an entry of something: `td["dones"]`, `td.get("dones")`."""
    if isinstance(value, Term) and value.op in ("item", "index", "get") and len(value.args) > 1:
        key = value.args[1]
        return key.value if isinstance(key, Const) and isinstance(key.value, str) else None
    return None


def is_optimizer_class(dotted: str) -> bool:
    """Whether a name is that of one of torch's optimizers; schedulers stand in a module of their own."""
    package, _, name = dotted.rpartition(".")
    return package in ("torch.optim", "torch.optim.optimizer") and name[:1].isupper()


def is_td(value: Value) -> bool:
    """Whether a value is a TensorDict for certain: given, created, or all zeros by a spec, which alone has a
    method `zero`."""
    if is_tensordict(value):
        return True
    if not isinstance(value, Term) or not value.args:
        return False
    if value.op in ("to", "cpu", "cuda"):
        return is_td(value.args[0])
    return value.op == "zero" or (value.op in ("rand", "zeros") and _is_spec(value.args[0]))


def _is_spec(value: Value) -> bool:
    while isinstance(value, Term) and value.op in ("expand", "to", "clone", "unsqueeze", "cpu", "cuda"):
        value = value.args[0]
    return isinstance(value, Term) and (value.op == "spec" or value.op.removeprefix("call") in SPECS)


_ROWS = frozenset(
    f"torch.{name}"
    for name in "multinomial randperm randint arange nonzero argsort unique cat stack linspace".split()
)
_KEEPING = frozenset(
    "long to cpu cuda clone flatten view reshape detach contiguous split chunk + - * // % & | ^ ~".split()
)
_TENSOR_MAKERS = frozenset(
    f"torch.{name}"
    for name in "zeros ones empty full rand randn zeros_like ones_like full_like empty_like tensor".split()
)


_BLANK = frozenset(f"torch.{name}{like}" for name in ("zeros", "ones", "empty") for like in ("", "_like"))


def is_made_up(value: Value) -> bool:
    """Whether a value is a constant, a tensor of zeros or ones throughout, or what a spec says of an entry:
    it tells nothing."""
    match value:
        case Term(op="made", args=(_, Const(value=str(maker)), *_)):
            return maker.startswith("torchrl.data.")
        case Term(op=maker):
            return maker in _BLANK
        case _:
            return isinstance(value, Const)


def is_rows(index: Value, *, by_hint: bool = True) -> bool:
    """Whether an index is a tensor of one dimension or more for certain: what it picks is a copy. `by_hint`:
    an annotation is enough, though a number may come as a tensor too."""
    known = partial(is_rows, by_hint=by_hint)
    if any(True for o in options(index) if o is not index):
        return all(map(known, options(index)))
    if isinstance(index, Group):
        return any(map(known, index.items))
    if not isinstance(index, Term):
        return False
    if index.op in _ROWS or index.op in ("nonzero", "argsort") or _is_mask(index):
        return True
    if index.op == "tensor" or index.op.startswith("compare"):
        return by_hint and (index.op == "tensor" or any(is_tensor(arg) for arg in index.args))
    if index.op == "index":
        rows, part = index.args[:2]
        return known(rows) and isinstance(part, Term) and (part.op == "slice" or known(part))
    if index.op == "squeeze" and len(index.args) > 1:  # of a table: one row for each place
        inner = index.args[0]
        return isinstance(inner, Term) and inner.op in ("nonzero", "torch.nonzero", "torch.argwhere")
    return index.op in _KEEPING and any(map(known, index.args))


def _is_mask(index: Term) -> bool:
    """Whether a value was made a tensor of truth values: what it picks is a copy, of whatever shape it is."""
    kind = keyword(index, "dtype")
    return index.op.startswith("torch.") and isinstance(kind, Ref) and kind.symbol == External("torch.bool")


def is_tensor(value: Value) -> bool:
    """Whether a value is a tensor for certain."""
    if isinstance(value, Either):
        return all(is_tensor(o) for o in value.options)
    if not isinstance(value, Term):
        return False
    if value.op == "item" and len(value.args) > 1:  # of a TensorDict
        return True
    if value.op in ("index", "get"):
        return is_tensor(value.args[0]) or (entry_of(value) is not None and is_td(value.args[0]))
    return (
        value.op == "tensor"
        or value.op in _TENSOR_MAKERS | _ROWS
        or (value.op in _KEEPING and any(is_tensor(arg) for arg in value.args))
    )
