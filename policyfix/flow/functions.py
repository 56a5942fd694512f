"""Calls of the code of the project: its functions and what decorates them, its classes, their instances."""

from __future__ import annotations

from abc import ABC, abstractmethod

from policyfix.facts import ir
from policyfix.flow import cells
from policyfix.flow.calls import with_fields
from policyfix.flow.containers import is_named_tuple
from policyfix.flow.decorators import MANAGERS, NO_GRAD, PLAIN_DECORATORS, decorator_name
from policyfix.flow.expressions import Expressions, layer_kind
from policyfix.flow.machine import Frame, State
from policyfix.heap import either_of, joined
from policyfix.project import External, FunctionRef, LinkedClass, Module
from policyfix.trace import CoreCall, Escape, NetCall, Place
from policyfix.values import (
    NONE,
    OWN_CELL,
    OWN_PAIR_CELL,
    TORCH_LAYER,
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
    Value,
    either,
    group,
    is_keyword,
    options,
    walk,
)
from policyfix.values import keywords as keywords_in

MAX_DEPTH = 24


class Functions(Expressions, ABC):
    """Follows calls into the project."""

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        super().__init__(absent)
        self._wrappers: dict[ir.FunctionFacts, Value | None] = {}  # what decorators make of a function
        self._cells: dict[Value, Term] = {}  # what stands for cells of the project
        self._opened = False  # the call that is being made may give keywords that are not known

    @abstractmethod
    def _block(self, body: tuple[ir.Stmt, ...]) -> None:
        """Runs statements, one after the other."""

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
        if not later:  # any of them, where they are known on some paths
            return [either(i for o in options(value) for i in (o.items if isinstance(o, Group) else (o,)))]
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
                recorded = len(self.trace.events)
                result = self._call_function(
                    function, owner.module, owner, receiver, positional, keywords, open_ended=spread
                )
                self._note_net(receiver, function.name, arguments, result, node.span)
                return self._stepped(callee, arguments, result, recorded, node.span)
            case Local() | Ref(symbol=FunctionRef()):
                recorded = len(self.trace.events)
                result = self._call_wrapper(
                    callee, list(positional), keywords, spread and isinstance(callee, Ref)
                )
                return self._stepped(callee, arguments, result, recorded, node.span)
            case Ref(symbol=LinkedClass() as cls):
                return self._instantiate(cls, positional, keywords, spread, node.span)
            case Ref(symbol=External(name=name)):
                rest: dict[str, Value] = {"**": UNKNOWN} if self._opened else {}
                return self._call_external(name, positional, {**keywords, **rest}, node.span)
            case Method(receiver=Super(receiver=receiver), name=name):
                return self._call_base(receiver, name, positional, keywords, node.span)
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

    # ------------------------------------------------------------------- classes and their instances

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
        elif layer_kind(cls) is not None:
            self._call_base(thing, "__init__", positional, keywords, span)
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
        if found is None and layer_kind(cls) is not None:
            return self._call_base(thing, "forward", positional, keywords, span)
        if found is None:
            self._escape([*positional, *keywords.values()], span)
            return UNKNOWN
        function, owner = found
        recorded = len(self.trace.events)
        result = self._call_function(function, owner.module, owner, thing, positional, keywords)
        arguments = [*positional, *keywords.values()]
        self._note_net(thing, "forward", arguments, result, span)
        return self._stepped(thing, arguments, result, recorded, span)

    def _stepped(
        self, callee: Value, arguments: list[Value], result: Value, recorded: int, span: ir.Span
    ) -> Value:
        """What a call gives, after so many events: a recurrent state, as from torch's cells, where it was a
        step of a cell of the project that no other core is in."""
        if len(arguments) < 2 or not isinstance(result, (Term, Group)):
            return result
        if any(isinstance(event, CoreCall) for event in self.trace.events[recorded:]):
            return result
        cell = self._cells.get(callee, UNKNOWN)
        step = cells.step(arguments, result, cell)
        if step is None:
            return result
        if not isinstance(cell, Term):
            cell = self.term(f"new:{OWN_PAIR_CELL if step.is_pair else OWN_CELL}", Const(self._tick()))
            self._cells[callee] = cell
        made = self.term("core", cell, step.given, step.state, Const(self._tick()))
        self._record(CoreCall(cell, step.given, step.state, made, self._place(span), self._tick()))
        new = self.term("detach", made) if self._no_grad else made
        return new if step.output is None else group([step.output, new])

    def _call_base(
        self, thing: Thing, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        """A method of the layer of torch that the class of an instance is one of; the instance holds it. When
        it is made, the layer asks for its weights to be drawn: by a method that the class may replace."""
        assert thing.cls is not None
        if name == "__init__":
            layer = self._call_external(layer_kind(thing.cls) or "", positional, keywords, span)
            self._keep(thing, TORCH_LAYER, layer, span)
            drawing = thing.cls.find("reset_parameters")
            if drawing is not None:
                self._call_function(drawing[0], drawing[1].module, drawing[1], thing, [], {})
            return NONE
        held = self._state.heap.get(thing, TORCH_LAYER)
        if name == "forward" and isinstance(held, Term):
            return self._call_module(held, positional, keywords, span)
        return self._call_missing(thing, name, positional, keywords, span)

    def _call_missing(
        self, owner: Thing, name: str, positional: list[Value], keywords: dict[str, Value], span: ir.Span
    ) -> Value:
        """A method that the linked class does not show: `nn.Module`'s own, or one that is not known."""
        arguments = [*positional, *keywords.values()]
        if name in ("register_buffer", "register_parameter", "add_module", "register_module"):
            if len(arguments) > 1 and isinstance(arguments[0], Const):
                self._keep(owner, str(arguments[0].value), arguments[1], span, registered=True)
            elif len(arguments) > 1 and _is_copy(arguments[1]):  # under a computed name
                held = self._state.heap.get(owner, "*")
                self._state.heap.put(owner, "*", either(v for v in (held, arguments[1]) if v is not None))
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
        wrapper = self.wrapper(function, module, owner) if function.decorators and names is None else None
        if wrapper is not None:
            given = [*([] if receiver is None else [receiver]), *positional]
            return self._call_wrapper(wrapper, given, keywords, open_ended)
        decorators = [decorator_name(d, module) for d in function.decorators]
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

    def wrapper(self, function: ir.FunctionFacts, module: Module, owner: LinkedClass | None) -> Value | None:
        """What decorators of the project make of a function; None where there are none, or where another
        decorator or what they make is not understood."""
        if function in self._wrappers:
            return self._wrappers[function]
        called = [d.function if isinstance(d, ir.Call) else d for d in function.decorators]
        symbols = [module.resolve(expr) for expr in called]
        result: Value | None = None
        if any(isinstance(symbol, FunctionRef) for symbol in symbols) and all(
            isinstance(symbol, FunctionRef)
            or decorator_name(expr, module) in PLAIN_DECORATORS - NO_GRAD - MANAGERS
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


def _is_function(value: Value) -> bool:
    return isinstance(value, Local) or (isinstance(value, Ref) and isinstance(value.symbol, FunctionRef))


def _is_copy(value: Value) -> bool:
    """Whether a tensor was cut from a graph, as a copy of an initial weight is: a state starts as zeros."""
    return any(isinstance(part, Term) and part.op == "detach" for part in walk(value))


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


_MODULE_METHODS = frozenset(
    "parameters named_parameters modules named_modules children named_children buffers named_buffers "
    "train eval to cpu cuda apply requires_grad_ zero_grad state_dict load_state_dict half float "
    "double type get_parameter get_submodule get_buffer extra_repr register_forward_hook "
    "register_forward_pre_hook".split()
)
