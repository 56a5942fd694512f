"""How a policy initialises its layers, in the order in which its constructor does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from policyfix.project import External
from policyfix.record import record
from policyfix.remembered import remembered
from policyfix.subjects.candidates import draws
from policyfix.subjects.policy import PolicyClass
from policyfix.trace import Called, Escape, InPlace, Place, Rebound, Store, Unfollowed
from policyfix.values import (
    CELL_CORES,
    SEQUENCE_CORES,
    Const,
    Group,
    Method,
    Ref,
    Term,
    Thing,
    Value,
    keywords,
    options,
    parts,
    positional,
    reach,
    walk,
)

INIT = "torch.nn.init."
_OF_A_MODULE = frozenset(
    "module.parameters module.named_parameters module.modules module.named_modules module.children "
    "module.named_children module.state_dict".split()
)
_BASES = {"torch.nn.RNNBase": SEQUENCE_CORES, "torch.nn.RNNCellBase": CELL_CORES}


@record()
class Initialisation:
    """One call of a function of `torch.nn.init`. `number` is its gain or constant; None where that is not
    known, or where the function has neither. It `reaches_all` where it goes over all parameters of a module
    that are weights, or biases, and no other test leaves one out."""

    function: str  # "orthogonal_"
    number: float | None
    target: Value
    place: Place
    order: int
    reaches_all: bool


def initialisations(policy: PolicyClass, layer: Term) -> list[Initialisation] | None:
    """What the constructor does to the parameters of a layer, itself or in a loop over a module that holds
    it. None where something that is not understood may do something to them."""
    trace = policy.building
    if not trace.complete or policy.is_open:
        return None
    drawing = _drawing(policy)
    done = [_of(call) for call in drawing if _reaches(policy, call, layer)]
    places = {(call.place, call.arguments[0]) for call in drawing}
    for write in trace.of(InPlace):
        if _holds(policy, write.target, layer, write.order) and (write.place, write.target) not in places:
            return None
    for call in trace.of(Called):
        known = call.name.startswith(INIT) or call.name.removeprefix(".") in _HARMLESS
        if not known and call.arguments and any(part is layer for part in options(call.arguments[0])):
            return None  # `lstm.apply(f)`, `lstm.reset_parameters()`
    shared = {rebound.value for rebound in trace.of(Rebound) if not _is_drawn(policy, rebound.module)}
    handed = [e.value for e in trace.of(Escape) if e.value not in shared]
    handed += [e.callee for e in trace.of(Unfollowed)]
    if any(part is layer for value in handed for part in walk(value)):
        return None
    return done


def _is_drawn(policy: PolicyClass, layer: Term) -> bool:
    """Whether something may draw the weights of a layer, which others share."""
    return any(_holds(policy, call.arguments[0], layer, call.order) for call in _drawing(policy))


def _drawing(policy: PolicyClass) -> list[Called]:
    """The constructor's calls of functions that initialise what they are given."""
    return [call for call in policy.building.of(Called) if call.name.startswith(INIT) and call.arguments]


_HARMLESS = frozenset(
    "parameters named_parameters flatten_parameters to cuda cpu train eval float state_dict modules children "
    "requires_grad_ isinstance hasattr getattr len str print".split()
)


def drawn_in_loops(policy: PolicyClass, layer: Term) -> Iterator[Called]:
    """Calls that certainly initialise a layer in a loop over the modules or weights of its holder; none where
    a weight may be given other numbers after them."""
    trace = policy.building
    for call in trace.of(Called) if initialisations(policy, layer) else ():
        certain = call.name.startswith(INIT) and all(_lets_through(guard, layer) for guard in call.guards)
        if not (certain and call.arguments and _is_loop(call.arguments[0])):
            continue
        later = (w for w in trace.of(InPlace) if w.order > call.order and w.place != call.place)
        if _holds(policy, call.arguments[0], layer, call.order) and not any(
            _holds(policy, write.target, layer, write.order) for write in later
        ):
            yield call


def _lets_through(guard: Value, layer: Term) -> bool:
    """Whether a layer's weight certainly passes a test: of the layer's type, or of two dimensions."""
    match guard:
        case Term(op="isinstance", args=(_, wanted)):
            kinds = wanted.items if isinstance(wanted, Group) else (wanted,)
            return Ref(External(layer.op.removeprefix("new:"))) in kinds
        case Term(op="compare>", args=(Term(op="dim" | ".ndim"), Const(value=1))):
            return True
        case Term(op="compare>=", args=(Term(op="dim" | ".ndim"), Const(value=2))):
            return True
        case _:
            return False


def is_initialised_later(policy: PolicyClass) -> bool:
    """Whether a method that neither the constructor nor forward runs initialises something."""
    run = {call.place.symbol for trace in (policy.building, *policy.traces) for call in trace.of(Called)}
    names = {f.name for cls in policy.cls.linked for f in cls.facts.functions} - {"__init__", "forward"}
    for name in sorted(names):
        found = policy.cls.find(name)
        if found is not None and found[0].qualname not in run:
            trace = policy.evaluate(name)
            if trace is not None and any(call.name.startswith(INIT) for call in trace.of(Called)):
                return True
    return False


def _of(call: Called) -> Initialisation:
    function = call.name.removeprefix(INIT)
    given, named = positional(call.arguments), keywords(call.arguments)
    number: float | None = None
    if function in _DEFAULTS:
        name, default = _DEFAULTS[function]
        number = _number(given[1] if len(given) > 1 else named.get(name, Const(default)))
    target, is_of_weights = call.arguments[0], draws(function)
    all_of_them = any(isinstance(part, Term) and part.op in _PARAMETERS for part in walk(target))
    all_of_them = all_of_them and all(_asks_for_weights(guard) is is_of_weights for guard in call.guards)
    return Initialisation(function, number, target, call.place, call.order, all_of_them)


_PARAMETERS = frozenset(f"{owner}{name}parameters" for owner in ("", "module.") for name in ("", "named_"))


def _asks_for_weights(guard: Value) -> bool | None:
    """Whether a test is passed by the weights of a core, and not by its biases: `"weight" in name`,
    `parameter.dim() > 1`. False where it is the other way round, None where it is another test."""
    match guard:
        case Term(op="not", args=(inner,)):
            answer = _asks_for_weights(inner)
            return None if answer is None else not answer
        case Term(op="comparein", args=(Const(value="weight" | "bias" as word), _)):
            return word == "weight"
        case Term(op=asked, args=(Term(op="dim" | ".ndim"), Const(value=int() as number))):
            if (asked, number) in _OF_MATRICES:
                return True
            return False if (asked, number) in _OF_VECTORS else None
        case _:
            return None


_OF_MATRICES = {("compare>", 1), ("compare>=", 2), ("compare==", 2)}
_OF_VECTORS = {("compare<=", 1), ("compare<", 2), ("compare==", 1)}


# Functions with one number that decides, and its default.
_DEFAULTS: dict[str, tuple[str, float]] = {
    "orthogonal_": ("gain", 1.0),
    "constant_": ("val", 0.0),
    "ones_": ("val", 1.0),
    "zeros_": ("val", 0.0),
}


def _number(value: Value) -> float | None:
    match value:
        case Const(value=bool()):
            return None
        case Const(value=int() | float() as number):
            return float(number)
        case Term(op="numpy.sqrt" | "math.sqrt", args=(Const(value=int() | float() as number),)):
            return math.sqrt(number)
        case Term(
            op="**", args=(Const(value=int() | float() as number), Const(value=int() | float() as power))
        ):
            return math.pow(number, power)
    return None


def _reaches(policy: PolicyClass, call: Called, layer: Term) -> bool:
    """Whether a call initialises the layer, and no test of its type leaves the layer out."""
    if not _holds(policy, call.arguments[0], layer, call.order):
        return False
    return all(_may_hold(guard, layer) for guard in call.guards)


def _holds(policy: PolicyClass, target: Value, layer: Term, order: int) -> bool:
    """Whether a value is a parameter of the layer, or any parameter of a module that holds it already."""
    for part in walk(target):
        if part is layer:
            return True
        if isinstance(part, Term) and part.op in _OF_A_MODULE:
            things = [o for o in options(part.args[0]) if isinstance(o, Thing)]
            if things:  # else it is a torch module, which the walk comes to
                return any(layer in _layers(policy, thing, order) for thing in things)
    return False


def _may_hold(guard: Value, layer: Term) -> bool:
    """Whether a layer may pass a test: not `isinstance(module, nn.Linear)` for an LSTM."""
    if not (isinstance(guard, Term) and guard.op == "isinstance" and len(guard.args) == 2):
        return True
    wanted = guard.args[1].items if isinstance(guard.args[1], Group) else guard.args[1:]
    names = {w.symbol.name for w in wanted if isinstance(w, Ref) and isinstance(w.symbol, External)}
    kind = layer.op.removeprefix("new:")
    of_kind = {kind, "torch.nn.Module"} | {base for base, cores in _BASES.items() if kind in cores}
    return len(names) < len(wanted) or not names.isdisjoint(of_kind)


@remembered
def _layers(policy: PolicyClass, thing: Thing, order: int) -> set[Value]:
    """What a module holds at a moment of its construction, at any depth."""
    stored = [store for store in policy.building.of(Store) if store.order < order]

    def held(value: Value) -> Iterable[Value]:
        if isinstance(value, Thing) and value.cls is None:
            return policy.building.heap.of(value).values()
        if isinstance(value, Thing):
            return [store.value for store in stored if store.thing is value]
        return parts(value)

    return set(reach(thing, held))


def holds(policy: PolicyClass, module: Value, layer: Value, order: int) -> bool:
    """Whether a module of the project holds a layer at a moment of its construction, at any depth."""
    return any(isinstance(o, Thing) and layer in _layers(policy, o, order) for o in options(module))


def undone(policy: PolicyClass) -> Iterator[tuple[Initialisation, Initialisation]]:
    """Initialisations of single layers with a number of their own, each with the last loop after it over the
    parameters of a module that holds the layer, where that gives it another number; none where a state is
    loaded into such a module after the loop."""
    called = _drawing(policy)
    loops = [call for call in called if _is_loop(call.arguments[0])]
    loads = [
        (event.callee.receiver, event.order)
        for event in policy.building.of(Unfollowed)
        if isinstance(event.callee, Method) and event.callee.name == "load_state_dict"
    ]
    for one in map(_of, called):
        layer = layer_of(one.target)
        if layer is None or one.number is None:
            continue
        last = max(call.order for call in called if layer_of(call.arguments[0]) is layer)
        for call in reversed(loops):
            loop = _of(call)
            if loop.function == one.function and loop.order > last and _reaches(policy, call, layer):
                loaded = any(order > loop.order and holds(policy, net, layer, order) for net, order in loads)
                if loop.number not in (None, one.number) and not loaded:
                    yield one, loop
                break


def _is_loop(target: Value) -> bool:
    """Whether a parameter is one of all that a module of the project holds."""
    return any(isinstance(part, Term) and part.op in _OF_A_MODULE for part in walk(target))


def layer_of(target: Value) -> Term | None:
    """The layer, where a value is `layer.weight` or `layer.bias`."""
    if isinstance(target, Term) and target.op in (".weight", ".bias"):
        layer = target.args[0]
        if isinstance(layer, Term) and layer.op.startswith("new:torch.nn."):
            return layer
    return None
