"""What expressions give: attributes, names, displays and operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain

from policyfix.facts import ir
from policyfix.flow.calls import PURE_PACKAGES
from policyfix.flow.decorators import decorator_name
from policyfix.flow.narrowing import Narrowing, graphs_missing
from policyfix.project import (
    Constant,
    External,
    FunctionRef,
    LinkedClass,
    Module,
    Symbol,
    Unresolved,
    is_torch_module,
)
from policyfix.trace import Compared, Rebound
from policyfix.values import (
    MAX_ALTERNATIVES,
    NONE,
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
    Unknown,
    Value,
    either,
    group,
    is_none,
    is_tensordict,
    options,
    parts,
)

MAX_STEPS = 60_000


class ExhaustedError(Exception):
    """The run took more steps than it may."""


class Expressions(Narrowing, ABC):
    """Evaluates expressions, in bounded work."""

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        super().__init__(absent)
        self._steps = 0

    @abstractmethod
    def _call(self, node: ir.Call) -> Value:
        """What a call gives."""

    @abstractmethod
    def _call_function(
        self,
        function: ir.FunctionFacts,
        module: Module,
        owner: LinkedClass | None,
        receiver: Value | None,
        positional: list[Value],
        keywords: dict[str, Value],
    ) -> Value:
        """What a function of the project gives."""

    @abstractmethod
    def _assign(self, target: ir.Expr, value: Value, span: ir.Span) -> None:
        """Gives the names, the attributes and the items of a target their values."""

    @abstractmethod
    def _yield(self, value: Value) -> Value:
        """Hands a value over to what runs a generator."""

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
                if found is None:
                    return UNKNOWN if layer_kind(receiver.cls) is None else Method(owner, name)
                return Bound(*found, receiver)
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
            kinds = {decorator_name(d, owner.module) for d in function.decorators}
            if "property" in kinds or "functools.cached_property" in kinds:
                return self._call_function(function, owner.module, owner, thing, [], {})
            if "staticmethod" in kinds:
                return Ref(FunctionRef(function, owner.module))
            return Bound(function, owner, Ref(cls) if "classmethod" in kinds else thing)
        layer = self._state.heap.get(thing, TORCH_LAYER)
        if isinstance(layer, Term) and name in ("weight", "bias"):
            return self.term(f".{name}", layer)
        constant = None if (thing, name) in self._awaited else self._class_constant(cls, name)
        return self.term("attribute", thing, Const(name)) if constant is None else constant

    def _class_constant(self, cls: LinkedClass, name: str) -> Value | None:
        """What a class body spells out under a name: a number, a tuple of keys, a table, a class to build."""
        for base in cls.linked:
            for key, value in reversed(base.facts.attributes):
                if key != name:
                    continue
                if ir.is_spelt_out(value):
                    return self._eval(value)
                named = base.module.resolve(value)
                return Ref(named) if _is_class(named) else None
        return None

    def _member(self, symbol: Symbol, name: str) -> Value:
        if isinstance(symbol, LinkedClass):
            found = symbol.find(name)
            if found is not None:
                function, owner = found
                if any(decorator_name(d, owner.module) == "classmethod" for d in function.decorators):
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
            raise ExhaustedError
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
                    if (graphs := graphs_missing(tested, number == 0)) is not None:
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
            case ir.Yield(value=ir.Starred(value=source)):  # `yield from source`
                return self._yield(self._element(self._eval(source)))
            case ir.Yield(value=value):
                return self._yield(self._eval(value))
            case ir.Opaque(parts=parts, texts=texts):
                pieces = [self._eval(part) for part in parts]
                return _joined(texts, pieces) or (self.term("opaque", *pieces) if pieces else UNKNOWN)

    def _eval_where(self, test: ir.Expr, holds: bool, node: ir.Expr) -> Value:
        """An expression that is evaluated only where a test holds, or only where it does not."""
        narrowed = self._narrow(test, holds)
        value = self._eval(node)
        for one in narrowed:
            if self._held_at(one.thing, one.name) is one.now:
                self._put_at(one.thing, one.name, one.before)
        return value

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
                decided = (operator == "not in") if _has_its_keys(other) else decided
            if operator in ("<=", ">="):  # `{"dones", "truncateds"} <= set(td.keys())`
                asked, there = (value, other) if operator == "<=" else (other, value)
                if isinstance(asked, Term) and asked.op in ("set", "frozenset") and asked.args:
                    asked = asked.args[0]
                wanted = {key.value for key in parts(asked) if isinstance(key, Const)}
                if isinstance(asked, Group) and _has_its_keys(there) and wanted & self._absent:
                    decided = False
            result = Const(decided) if decided is not None else self.term(f"compare{operator}", value, other)
            span = self._frame.function.span
            self._record(Compared(value, operator, other, result, self._place(span), self._tick()))
            value = other
        return result if len(operators) == 1 else self.term("and", result)


def _joined(texts: tuple[str, ...], parts: list[Value]) -> Const | None:
    """The text that an f-string gives, where all that goes into it is known."""
    values = [part.value for part in parts if isinstance(part, Const)]
    if not texts or len(values) < len(parts) or not all(isinstance(v, (str, int)) for v in values):
        return None
    return Const("".join(chain.from_iterable(zip(texts, map(str, [*values, ""]), strict=True))))


def _is_class(symbol: Symbol) -> bool:
    """Whether a name is that of a class, of a library by its spelling: `nn.LSTM`."""
    if isinstance(symbol, External):
        return symbol.name.rpartition(".")[2][:1].isupper()
    return isinstance(symbol, LinkedClass)


def layer_kind(cls: LinkedClass) -> str | None:
    """The layer of torch that a class is one of, with a forward of its own: `torch.nn.LSTM`."""
    kinds = (base.name for base in cls.mro if isinstance(base, External) and is_torch_module(base.name))
    return next((kind for kind in kinds if not kind.endswith(_WITHOUT_FORWARD)), None)


_WITHOUT_FORWARD = ("Module", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Base")


def _is_there_to_be_set(constant: Value) -> bool:
    """Whether a constant of a class or a module is a single value, which others may set, but for a name."""
    return isinstance(constant, Const) and not isinstance(constant.value, str)


def _is_bool(value: Value) -> bool:
    return isinstance(value, Term) and (value.op == "not" or value.op.startswith("compare"))


def _has_its_keys(value: Value) -> bool:
    """Whether a value is a TensorDict, or the keys of one: `td.keys()`, `set(td.keys())`."""
    return all(
        is_tensordict(option)
        or (isinstance(option, Term) and option.op in _KEYS and _has_its_keys(option.args[0]))
        for option in options(value)
    )


_KEYS = frozenset("tensordict.keys set frozenset list tuple sorted".split())


def _inside(value: Value) -> Value:
    """The element of an iterated value, else the value."""
    return value.args[0] if isinstance(value, Term) and value.op == "each" else value


def _attribute_term(method: Method) -> str:
    return f"tensordict.{method.name}" if is_tensordict(method.receiver) else f".{method.name}"


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
