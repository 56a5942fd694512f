"""What the methods of a policy do to its weights, and what its config has to say in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from policyfix.facts import ir
from policyfix.flow.decorators import NO_GRAD
from policyfix.flow.expressions import layer_kind
from policyfix.project import External, Found, LinkedClass
from policyfix.record import record
from policyfix.subjects.execution import Configured
from policyfix.subjects.policy import PolicyClass
from policyfix.trace import Escape, InPlace, Place, Rebound, Store, Trace, Unfollowed
from policyfix.values import (
    VIEWS,
    Const,
    Either,
    Group,
    Method,
    Term,
    Thing,
    Value,
    parts,
    reach,
    storage,
    walk,
)

# Stands for the clip range of a config: a number that no source has.
RANGE = Const(0.0009765625001)

_CLAMPS = frozenset(
    "clamp clip clamp_min clamp_max clamp_ clip_ clamp_min_ clamp_max_ hardtanh minimum maximum "
    "_foreach_clamp_min_ _foreach_clamp_max_ _foreach_minimum_ _foreach_maximum_".split()
)
# Arithmetic that a bound may be computed by.
_NUMBERS = frozenset("- + * / ** float abs min max math.sqrt int detach".split())
# What iterates over the weights of a module, or over the modules in it.
_COLLECTIONS = frozenset(
    prefix + name
    for prefix in ("", "module.")
    for name in "parameters named_parameters modules named_modules children named_children".split()
)
NEW_PARAMETER = "new:torch.nn.Parameter"
_WEIGHTS = frozenset([NEW_PARAMETER, "torch.nn.utils.parameters_to_vector"])
# Detached views of all weights.
_DETACHED = frozenset(["state_dict", "module.state_dict"])
# What of a weight is no value of it.
_SAYING_NO_VALUE = frozenset(".device .dtype .shape =device =dtype size dim numel len".split())
_CUTTING_THE_GRAPH = frozenset("detach item tolist numpy float int".split())


@record()
class Clamp:
    """Weights that are given a bounded value: in place, or by being replaced."""

    target: Value
    bounds: tuple[Value, ...]
    write: InPlace | Rebound | Store

    @property
    def place(self) -> Place:
        return self.write.place


def clipping(policy: PolicyClass, reset: Iterable[str] = ()) -> Configured | None:
    """The policy built with `RANGE` as its clip range, and what its clip method then does; see `configured`.
    None where the class shows no such method, or where something may have wrapped it."""
    found = policy.cls.find(policy.contract.clip_method)
    if found is None or not is_as_written(found) or policy.cls.unknown or policy.cls.is_rebuilt:
        return None
    return policy.configured({policy.contract.clip_range: RANGE}, policy.contract.clip_method, reset)


def is_as_written(found: Found) -> bool:
    """Whether a method's source is at hand, and nothing but `no_grad` wraps it."""
    function, cls = found
    symbols = [cls.module.resolve(d.function if isinstance(d, ir.Call) else d) for d in function.decorators]
    return cls.module.name is None and all(isinstance(s, External) and s.name in NO_GRAD for s in symbols)


def is_followed(trace: Trace) -> bool:
    """Whether nothing was called that is not understood, or handed to it. A net of the caller's may be asked
    for its weights, and these written to."""
    return not trace.of(Escape) and all(
        isinstance(call.callee, Method)
        and (call.callee.name in _COLLECTIONS or weights_in(call.callee.receiver, attached=False))
        for call in trace.of(Unfollowed)
    )


def changes(trace: Trace) -> Iterator[InPlace | Rebound | Store]:
    """What a method overwrites or replaces, gradients, copies, counters and the like apart."""
    yield from (change for change in trace.of(InPlace) if not _is_no_weight(change.target))
    yield from trace.of(Rebound)
    yield from (store for store in trace.of(Store) if weights_in(store.value, attached=False))


def _is_no_weight(value: Value) -> bool:
    """Whether a tensor is a gradient, or a copy."""
    aside = (".grad", "clone", "torch.clone")
    return any(isinstance(part, Term) and part.op in aside for part in storage(value))


def clamps(trace: Trace) -> Iterator[Clamp | None]:
    """The clamps among the changes that a method makes; None for a change that is something else."""
    for change in changes(trace):
        yield _clamp(change)


def _clamp(change: InPlace | Rebound | Store) -> Clamp | None:
    if isinstance(change, InPlace):
        if _is_clamp(change.operation):
            return Clamp(change.target, change.arguments, change)
        target, value = change.target, change.value
        if change.operation == "copy_" and change.arguments:
            value = change.arguments[0]
    elif isinstance(change, Rebound):
        target, value = change.module, change.value
    else:
        target, value = change.thing, change.value
    found = [p for p in walk(value) if isinstance(p, Term) and _is_clamp(p.op)]
    return Clamp(target, found[0].args[1:], change) if len(found) == 1 else None


def _is_clamp(operation: str) -> bool:
    return operation.rpartition(".")[2] in _CLAMPS


def follows_config(clamp: Clamp) -> bool:
    """Whether a bound is made from the clip range of the config."""
    return any(part == RANGE for bound in clamp.bounds for part in walk(bound))


def is_fixed(bound: Value, absent: Callable[[Value], bool] = lambda _: False) -> bool:
    """Whether a bound is made of numbers in the source alone, and of what is `absent` altogether."""
    made_of = walk(bound, lambda term: not absent(term))
    return all(
        (isinstance(part, Const) and (part.value is None or isinstance(part.value, (int, float))))
        or (isinstance(part, Term) and (part.op in _NUMBERS or part.op.startswith("=")))
        or isinstance(part, (Either, Group))
        or absent(part)
        for part in made_of
    )


def number(bound: Value) -> float | None:
    """What a bound comes to, where it is made of numbers."""
    match bound:
        case Const(value=int() | float() as held):
            return float(held)
        case Term(op="-", args=(inner,)):
            return None if (value := number(inner)) is None else -value
        case Term(op="*", args=(left, right)):
            a, b = number(left), number(right)
            return None if a is None or b is None else a * b
        case Term(op=op, args=(inner,)) if op in ("float", "detach") or op.startswith("="):
            return number(inner)
        case _:
            return None


def weights_in(value: Value, attached: bool) -> bool:
    """Whether a value is computed from a weight; with `attached`, so that a gradient reaches it."""
    known = _WEIGHTS if attached else _WEIGHTS | _DETACHED
    return _made_of(value, attached, lambda term: term.op in known or _holds(term))


def later_weights_in(value: Value, attached: bool, cls: LinkedClass) -> bool:
    """The same for a class whose layers are made later, in a method of their own: `self.net.weight` is a
    weight whatever `self.net` will be, and every attribute may be one that is not always cut from the graph.
    """

    def is_one(term: Term) -> bool:
        match term:
            case Term(op="attribute", args=(Thing(), Const(value=str(name)))):
                return attached and not _is_cut(name, cls)
            case _:
                return term.op in _WEIGHTS | {".weight", ".bias"} or _holds(term)

    def is_kept_layer(term: Term) -> bool:
        return term.op in (".weight", ".bias")

    return _made_of(value, attached, is_one, is_kept_layer)


def cut_in(value: Value, cls: LinkedClass) -> bool:
    """Whether an attribute is part of a value that is always cut from the graph: a copy of a weight, say."""

    def is_one(part: Value) -> bool:
        match part:
            case Term(op="attribute", args=(Thing(), Const(value=str(name)))):
                return _is_cut(name, cls)
            case _:
                return False

    return any(map(is_one, walk(value)))


def _is_cut(attribute: str, cls: LinkedClass) -> bool:
    """Whether all that a class ever gives an attribute is a constant or a tensor without a graph."""
    target = ir.Attribute(ir.Name("self"), attribute)
    given = [
        (value, _numbers(function))
        for owner in cls.linked
        for function in owner.facts.functions
        for node in function.nodes
        for value in _given(node, target)
    ]
    return bool(given) and all(_has_no_graph(value, {target, *numbers}) for value, numbers in given)


def _given(node: object, target: ir.Attribute) -> Iterator[ir.Expr]:
    """What a statement assigns to an attribute, or a call registers as a buffer of that name."""
    match node:
        case ir.Assign(targets=targets, value=value) if target in targets:
            yield value
        case ir.Call(
            function=ir.Attribute(value=ir.Name(id="self"), name="register_buffer"),
            arguments=(ir.Argument(value=ir.Literal(value=name)), ir.Argument(value=value), *_),
        ) if name == target.name:
            yield value


def _numbers(function: ir.FunctionFacts) -> set[ir.Expr]:
    """Parameters that default to a number, and that the function gives no other value."""
    given = {
        target
        for node in function.nodes
        if isinstance(node, (ir.Assign, ir.AugAssign))
        for target in (node.targets if isinstance(node, ir.Assign) else (node.target,))
    }
    numbers: set[ir.Expr] = {
        ir.Name(p.name)
        for p in function.parameters
        if isinstance(p.default, ir.Literal) and type(p.default.value) in (int, float)
    }
    return numbers - given


def _has_no_graph(value: ir.Expr, known: set[ir.Expr]) -> bool:
    """`None`, `1.0`, `x.data`, `x.detach().clone()`, what is `known` to have none, and sums or products."""
    while True:
        match value:
            case ir.Literal() | ir.Attribute(name="data"):
                return True
            case ir.Operation(operands=operands):
                return all(_has_no_graph(operand, known) for operand in operands)
            case ir.Call(function=ir.Attribute(value=inner, name=name)):
                if name == "detach":
                    return True
                if name not in ("clone", "to", "cpu", "cuda", "float"):
                    return False
                value = inner
            case _:
                return value in known


def _made_of(
    value: Value,
    attached: bool,
    is_one: Callable[[Term], bool],
    closed: Callable[[Term], bool] = lambda _: False,
) -> bool:
    """Whether something is part of a value, through what hands values on; `closed` is not looked into."""
    barred = _SAYING_NO_VALUE | (_CUTTING_THE_GRAPH if attached else frozenset())

    def onward(part: Value) -> Iterable[Value]:
        if not isinstance(part, Term):
            return parts(part)
        if part.op in barred or closed(part):
            return ()
        return part.args[:1] if part.op in _LIKE_ANOTHER else part.args

    return any(isinstance(p, Term) and is_one(p) for p in reach(value, onward))


# Methods that ask the other tensor for its shape, dtype or device alone.
_LIKE_ANOTHER = frozenset("to type_as view_as reshape_as expand_as".split())


def is_weight(value: Value) -> bool:
    """Whether a value is a weight, or a view of one, that autograd knows: no detached one."""
    if isinstance(value, Either):
        return all(map(is_weight, value.options))
    while isinstance(value, Term):
        if value.op == NEW_PARAMETER or _holds(value):
            return True
        if value.op == "detach" or value.op not in VIEWS | {"index", "each"}:
            return False
        value = value.args[0]
    return False


def _holds(value: Term) -> bool:
    """Whether a term is `module.weight`, or an element of `module.parameters()`."""
    match value:
        case Term(op="attribute", args=(Thing(cls=LinkedClass() as cls), Const(value="weight" | "bias"))):
            return layer_kind(cls) is not None
        case Term(op=".weight" | ".bias", args=(module,)):
            return _is_module(module)
        case Term(op="index", args=(Term(op="index", args=(Term(op=op), _)), Const(value=1))):
            return op in ("named_parameters", "module.named_parameters")
        case Term(op="index", args=(Term(op="parameters" | "module.parameters"), _)):
            return True
        case _:
            return False


def _is_module(value: Value) -> bool:
    """Whether a value is a torch module: one that was built here, or an element of `module.modules()`."""
    while isinstance(value, Term) and value.op in ("index", "each"):
        value = value.args[0]
    if isinstance(value, Thing):
        return value.cls is not None and value.cls.is_module
    return isinstance(value, Term) and (value.op.startswith("new:torch.nn.") or value.op in _COLLECTIONS)


def owner(target: Value) -> Value:
    """The instance whose weights a clamp over `parameters()` or `modules()` reaches, else the weight."""
    while isinstance(target, Term) and target.args and target.op not in _COLLECTIONS:
        target = target.args[0]
    return target.args[0] if isinstance(target, Term) and target.op in _COLLECTIONS else target
