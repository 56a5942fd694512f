"""A hand-written recurrent wrapper with the classic forward becomes a `RecurrentPolicy`.

Recognised is a class over an LSTM wrapper (PufferLib's, or a project's own of the same shape) whose forward
encodes the observation, runs the LSTM, decodes, and samples or evaluates actions, and does nothing else: the
runtime's forward does all of that and keeps the contract. The net, the constructor's own parameters and every
parameter name stay. The LSTM keeps its depth, so that old checkpoints load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from policyfix.codemod import LOG_SOFTMAX, Codemod, Plan, starts_afresh
from policyfix.contract import Contract
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.flow.run import Run
from policyfix.imports import import_name
from policyfix.project import LinkedClass
from policyfix.remembered import remembered
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.trace import CoreCall, Escape, InPlace, KeyWrite, NetCall, Store, Trace
from policyfix.values import (
    NONE,
    Const,
    Either,
    Group,
    Term,
    Thing,
    Unknown,
    Value,
    aliases,
    either,
    is_tensordict,
    options,
    walk,
)

BASE = "RecurrentPolicy"
MODULE = "policyfix.runtime"

BASE_SIZE = 128  # what its constructor takes for `input_size` and `hidden_size`

# What a wrapper's constructor takes, in this order; `num_layers` where it offers that.
WRAPPER_PARAMETERS = ("env", "policy", "input_size", "hidden_size", "num_layers")
# Attributes of the runtime's base class that its forward relies on.
_OWNED = frozenset({"lstm", "policy", "memory", "num_layers", "obs_shape", "_discrete_actions"})
# Methods of a wrapper that the runtime's base class replaces.
WRAPPER_METHODS = frozenset({"__init__", "forward", "forward_eval"})

# Operations that neither drop nor change a number.
_SHAPING = frozenset(
    "view reshape flatten unflatten squeeze unsqueeze transpose permute contiguous movedim swapaxes swapdims "
    "view_as reshape_as T mT t ravel to float long index_none "
    "torch.reshape torch.squeeze torch.unsqueeze torch.flatten torch.transpose torch.permute "
    "einops.rearrange".split()
)
_DRAWS = frozenset({"torch.multinomial", "multinomial"})


class _Unlike(Exception):  # noqa: N818 - no error: the reason why a forward is not the classic one
    """The class is not what the migration recognises; the message says in what."""


class MigrateToRecurrentPolicy(Codemod[PolicyClass]):
    answers = ("PF101", "PF201", "PF202", "PF205", "PF206", "PF210", "PF301", "PF401")
    priority = 0

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        edits = _migration(policy, tree)
        if isinstance(edits, Refusal):
            return Refusal(f"{policy.name} is not migrated: {edits.reason}")
        return self.fix(f"migrate {policy.name} to {MODULE}.{BASE}", edits)


@remembered  # every finding about a class asks the same
def _migration(policy: PolicyClass, tree: SourceTree) -> tuple[Edit, ...] | Refusal:
    try:
        wrapper = _wrapper(policy)
        _depth(wrapper)
        _recognise(policy)
        edits = _rewrite(policy, wrapper, tree)
    except _Unlike as reason:
        return Refusal(str(reason))
    return edits if isinstance(edits, Refusal) else tuple(edits)


# ------------------------------------------------------------------------------ is it the classic form?


def _wrapper(policy: PolicyClass) -> LinkedClass:
    """The wrapper that the class inherits from, if the runtime's base class can stand in for it."""
    if policy.cls.inherits(policy.contract.base):
        raise _Unlike("it is one already")
    bases = policy.cls.bases
    if policy.cls.unknown or len(bases) != 1 or not isinstance(bases[0], LinkedClass):
        raise _Unlike("it does not inherit from one LSTM wrapper alone")
    if policy.forward is None or policy.forward[1] is not policy.cls:
        raise _Unlike("its forward stands in a base class")
    if policy.cls.facts.function("__init__") is None:
        raise _Unlike("it has no constructor of its own, so its net is not known")
    if policy.cls.facts.decorators:
        raise _Unlike("the class is decorated")
    wrapper = bases[0]
    constructor = wrapper.facts.function("__init__")
    if constructor is None or len(wrapper.linked) != 1:
        raise _Unlike(f"its base {wrapper.name} is not an LSTM wrapper of the known shape")
    names = tuple(p.name for p in constructor.parameters[1:])
    if names not in (WRAPPER_PARAMETERS, WRAPPER_PARAMETERS[:-1]):
        expected = ", ".join(WRAPPER_PARAMETERS[:-1])
        raise _Unlike(f"its base {wrapper.name} takes other parameters than {expected}")
    others = {f.name for f in wrapper.facts.functions} - WRAPPER_METHODS
    if others:
        raise _Unlike(f"its base {wrapper.name} also defines {', '.join(sorted(others))}")
    used = {node.name for node in ir.nodes(policy.cls.facts.functions) if isinstance(node, ir.Attribute)}
    lost = {"cell", "forward_eval"} & used
    if lost:
        raise _Unlike(f"it uses self.{sorted(lost)[0]}, which the runtime's base class does not have")
    if any(node == ir.Name("StateStore") for node in ir.nodes(policy.cls.facts.functions)):
        raise _Unlike("it keeps its state in a StateStore: it was mended where it stands")
    clash = {name for name in _OWNED if _is_set(name, policy)}
    if clash:
        raise _Unlike(f"it sets self.{sorted(clash)[0]} itself, which the runtime's base class owns")
    return wrapper


def _is_set(attribute: str, policy: PolicyClass) -> bool:
    """Whether a method of the class itself assigns an attribute of `self`, or the class a name."""
    assigned = [
        target
        for node in ir.nodes(policy.cls.facts.functions)
        if isinstance(node, ir.Assign)
        for target in node.targets
    ]
    mentioned = [part for target in assigned for part in ir.nodes(target) if isinstance(part, ir.Attribute)]
    return policy.cls.facts.defines(attribute) or any(
        part.name == attribute and part.value == ir.Name("self") for part in mentioned
    )


@dataclass(frozen=True, slots=True)
class _Depth:
    """Layers of the LSTM that a wrapper builds; `chosen` where its constructor takes them as `num_layers`."""

    layers: int
    chosen: bool


def _depth(wrapper: LinkedClass) -> _Depth:
    constructor = wrapper.facts.function("__init__")
    assert constructor is not None
    built = [
        (target.name, statement.value)
        for statement in constructor.body
        if isinstance(statement, ir.Assign)
        for target in statement.targets
        if isinstance(target, ir.Attribute) and target.value == ir.Name(constructor.parameters[0].name)
    ]
    held = dict(built)
    lstm = held.get("lstm")
    if held.get("policy") != ir.Name("policy") or not isinstance(lstm, ir.Call):
        raise _Unlike(f"its base {wrapper.name} does not hold `self.policy` and `self.lstm`")
    symbol = wrapper.module.resolve(lstm.function)
    if getattr(symbol, "name", None) != "torch.nn.LSTM":
        raise _Unlike(f"the core of {wrapper.name} is not a torch.nn.LSTM")
    positional = [a.value for a in lstm.arguments if a.keyword is None]
    keywords = {a.keyword: a.value for a in lstm.arguments if a.keyword is not None}
    sizes = [*positional, *(keywords.pop(n, None) for n in ("input_size", "hidden_size")[len(positional) :])]
    keywords.pop("batch_first", None)
    depth = keywords.pop("num_layers", sizes[2] if len(sizes) > 2 else ir.Literal(1))
    if sizes[:2] != [ir.Name("input_size"), ir.Name("hidden_size")] or keywords or len(sizes) > 3:
        raise _Unlike(f"the LSTM of {wrapper.name} is built with other options")
    chosen = depth == ir.Name("num_layers")
    if chosen:
        depth = next((p.default for p in constructor.parameters if p.name == "num_layers"), None)
    if isinstance(depth, ir.Literal) and isinstance(depth.value, int):
        return _Depth(depth.value, chosen)
    raise _Unlike(f"the depth of the LSTM of {wrapper.name} is not known")


def _recognise(policy: PolicyClass) -> None:
    """Raises `_Unlike` where forward does anything that the runtime's forward would not do."""
    assert policy.forward is not None
    contract, forward = policy.contract, policy.forward[0]
    parameters = [p.name for p in forward.parameters[1:]]
    if parameters[1:] != ["state", "action"]:
        raise _Unlike("its forward takes other arguments than td, state and action")
    if forward.parameter("*") or forward.parameter("**"):
        raise _Unlike("its forward takes further arguments")
    owned = set(contract.memory_methods) & {f.name for f in policy.cls.facts.functions}
    if owned:
        raise _Unlike(f"it has a {sorted(owned)[0]} of its own")
    thing, rollout, training = _as_by_default(policy)
    _recognise_forward(policy, thing, rollout, training=False)
    _recognise_forward(policy, thing, training, training=True)
    _recognise_conversions(policy)


def _as_by_default(policy: PolicyClass) -> tuple[Thing, Trace, Trace]:
    """The instance that the trainer builds with nothing but its environment, with the net of its own; and
    what its forward does in a rollout and in training, whether or not a `state` is given."""
    assert policy.forward is not None
    function, owner = policy.forward
    td, state, action = (p.name for p in function.parameters[1:])
    run = Run()
    constructor = policy.constructor
    environment = () if constructor is None else constructor[0].parameters[1:2]
    thing = run.build(policy.cls, {p.name: run.term("env") for p in environment if p.default is None})
    traces = []
    given = either([NONE, run.term("parameter", Const(state))])
    for actions in (NONE, run.term("action")):
        with run.aside():
            traces.append(
                run.call(thing, function, owner, {td: run.term("td"), state: given, action: actions})
            )
    return thing, traces[0], traces[1]


def _recognise_forward(policy: PolicyClass, thing: Thing, trace: Trace, training: bool) -> None:
    contract = policy.contract
    if not trace.complete:
        raise _Unlike("its forward is too large to follow")
    if not all(is_tensordict(o) for o in options(trace.returned)):
        raise _Unlike("its forward returns something else than the TensorDict")
    encode = _only_call(trace, contract.encode)
    decode = _only_call(trace, contract.decode)
    cores = trace.of(CoreCall)
    if len(cores) != 1:
        raise _Unlike(f"its forward runs {len(cores)} recurrent cores")
    core = cores[0]
    key, dtype = contract.observation_key, contract.observation_dtype
    if not aliases(encode.arguments[0], key, dtype):
        raise _Unlike(f"it changes the observation before {contract.encode}")
    if not _is(core.input, encode.result):
        raise _Unlike(f"it changes the features between {contract.encode} and the LSTM")
    if not starts_afresh(core.state):
        raise _Unlike("its LSTM starts from a state of its own")
    output = [t for t in walk(decode.arguments[0]) if isinstance(t, Term) and t.op == "index"]
    if not any(_is(decode.arguments[0], t) and t.args == (core.result, Const(0)) for t in output):
        raise _Unlike(f"it changes the output of the LSTM before {contract.decode}")
    own = policy.forward[0].qualname if policy.forward else ""
    for event in trace.events:
        if isinstance(event, Store) and event.thing is thing:
            raise _Unlike(f"its forward stores self.{event.attribute}")
        if isinstance(event, InPlace) and event.place.symbol == own:
            raise _Unlike(f"its forward overwrites a tensor in place (line {event.place.span.line})")
        if isinstance(event, Escape) and event.place.symbol == own:
            raise _Unlike(f"its forward calls something unknown (line {event.place.span.line})")
    logits, value = _decoded(decode.result)
    chooses = frozenset({"action"}) if training else _DRAWS
    allowed = contract.training_outputs if training else contract.rollout_outputs
    for write in trace.of(KeyWrite):
        if write.key in contract.stamps:
            continue
        if write.key not in allowed:
            raise _Unlike(f'its forward writes td["{write.key}"]')
        if not _means(write.key, write.value, logits, value, policy.contract, chooses):
            raise _Unlike(f'its td["{write.key}"] is computed in another way')


def _only_call(trace: Trace, method: str) -> NetCall:
    calls = [c for c in trace.of(NetCall) if c.method == method and c.attribute == "policy"]
    if len(calls) != 1 or not calls[0].arguments:
        raise _Unlike(f"its forward does not call self.policy.{method} just once")
    return calls[0]


def _decoded(result: Value) -> tuple[Value, Value]:
    """Logits and value, as the net's `decode_actions` returns them."""
    if isinstance(result, Group) and len(result.items) == 2:
        return result.items[0], result.items[1]
    raise _Unlike("the net does not return (logits, value)")


def _means(
    key: str | None, written: Value, logits: Value, value: Value, contract: Contract, chooses: frozenset[str]
) -> bool:
    """Whether an output is what the contract's forward computes from logits and value. `chooses`: the terms
    that the choice of an action goes back to."""
    match key:
        case "values" | "value":
            return _is(written, value)
        case "full_log_probs":
            return _is_log_softmax(_shaped(written), logits)
        case "act_log_prob":
            chosen = _shaped(written)
            return (
                isinstance(chosen, Term)
                and chosen.op in ("index", "gather", "torch.gather")
                and _is_log_softmax(chosen.args[0], logits)
                and any(isinstance(part, Term) and part.op in chooses for part in walk(chosen))
            )
        case "entropy":
            return _is_entropy(_shaped(written), logits)
        case "actions":
            return _is_sample(_shaped(written), logits, contract)
        case _:
            return False


def _shaped(value: Value) -> Value:
    """The value without changes of its shape or type."""
    while isinstance(value, Term) and value.op in _SHAPING and value.args:
        value = value.args[0]
    return value


def _is(value: Value, other: Value) -> bool:
    """Whether a value is another one, but for its shape."""
    if isinstance(value, Either):
        return all(_is(o, other) for o in value.options)
    while True:
        if value == other:
            return True
        if not (isinstance(value, Term) and value.op in _SHAPING and value.args):
            return False
        value = value.args[0]


def _is_log_softmax(value: Value, logits: Value) -> bool:
    return isinstance(value, Term) and value.op in LOG_SOFTMAX and _is(value.args[0], logits)


def _is_entropy(value: Value, logits: Value) -> bool:
    """`-(p * log p).sum(-1)`: a negated sum of a product of exp(log p), or softmax, and log p."""
    if not (isinstance(value, Term) and value.op == "-" and len(value.args) == 1):
        return False
    total = _shaped(value.args[0])
    if not (isinstance(total, Term) and total.op in ("sum", "torch.sum")):
        return False
    product = total.args[0]
    if not (isinstance(product, Term) and product.op == "*" and len(product.args) == 2):
        return False
    return any(
        _is_probability(product.args[i], logits) and _is_log_softmax(product.args[1 - i], logits)
        for i in (0, 1)
    )


def _is_probability(value: Value, logits: Value) -> bool:
    if not isinstance(value, Term):
        return False
    if value.op in ("exp", "torch.exp"):
        return _is_log_softmax(value.args[0], logits)
    return value.op in ("softmax", "torch.softmax", "torch.nn.functional.softmax") and _is(
        value.args[0], logits
    )


def _is_sample(value: Value, logits: Value, contract: Contract) -> bool:
    """`table[multinomial(p)]`: one action a row, drawn from the probabilities."""
    if not (isinstance(value, Term) and value.op == "index" and isinstance(value.args[0], Term)):
        return False
    table, drawn = value.args[0], _shaped(value.args[1])
    return (
        _is_table(table, contract)
        and isinstance(drawn, Term)
        and drawn.op in _DRAWS
        and _is_probability(drawn.args[0], logits)
    )


def _is_table(value: Term, contract: Contract) -> bool:
    """Whether a value is one of the tables that the trainer sets on the policy."""
    return value.op == "attribute" and any(value.args[1] == Const(name) for name, _ in contract.tables)


def _recognise_conversions(policy: PolicyClass) -> None:
    """The conversion methods, where the class has them, may only look their table up."""
    for name in (policy.contract.to_index, policy.contract.from_index):
        if policy.cls.facts.function(name) is None:
            continue
        trace = policy.evaluate(name)
        assert trace is not None
        known = {"index", "attribute", "parameter", "+", "long", "int", "to", "select", "slice"}
        strange = [
            part
            for part in walk(trace.returned)
            if isinstance(part, Unknown)
            or (isinstance(part, Term) and part.op not in known)
            or (isinstance(part, Term) and part.op == "attribute" and not _is_table(part, policy.contract))
        ]
        if strange or any(isinstance(event, Store | InPlace | Escape) for event in trace.events):
            raise _Unlike(f"its {name} does more than look actions up")


# ------------------------------------------------------------------------------------------ the rewrite


def _rewrite(policy: PolicyClass, wrapper: LinkedClass, tree: SourceTree) -> list[Edit] | Refusal:
    cls = tree.find_class(policy.name)
    if cls is None or not isinstance(cls.body, cst.IndentedBlock):
        return Refusal(f"{policy.name} is written on one line or not found in {tree.source.path}")
    imported = import_name(tree, MODULE, BASE)
    if isinstance(imported, Refusal):
        return imported
    edits = [] if imported is None else [imported]
    edits.append(tree.replace(cls.bases[0].value, BASE))
    contract = policy.contract
    removed = [tree.find_method(cls, n) for n in ("forward", contract.to_index, contract.from_index)]
    methods = [m for m in removed if m is not None]
    edits += _mend_constructor(cls, policy, wrapper, tree)
    return edits + tree.delete(methods)


def _settings(policy: PolicyClass, wrapper: LinkedClass) -> dict[str, str]:
    """Keywords that the constructor is to take and hand on, with their defaults."""
    depth = {"num_layers": str(_depth(wrapper).layers)}
    return depth | {name: repr(default) for name, default in policy.contract.parameters}


def _sizes(wrapper: LinkedClass) -> dict[str, object]:
    """Default `input_size` and `hidden_size` of a wrapper's constructor; one without a default is absent."""
    constructor = wrapper.facts.function("__init__")
    assert constructor is not None
    sizes: dict[str, object] = {}
    for parameter in constructor.parameters:
        if parameter.name in ("input_size", "hidden_size") and parameter.default is not None:
            if not isinstance(parameter.default, ir.Literal):
                raise _Unlike(f"the default {parameter.name} of {wrapper.name} is not a number")
            sizes[parameter.name] = parameter.default.value
    return sizes


def _mend_constructor(
    cls: cst.ClassDef, policy: PolicyClass, wrapper: LinkedClass, tree: SourceTree
) -> Iterator[Edit]:
    """The settings added to the signature, and handed on to the base constructor."""
    found = tree.base_call(cls)
    if isinstance(found, Refusal):
        raise _Unlike(found.reason)
    call = found[1]
    constructor = tree.find_method(cls, "__init__")
    assert constructor is not None
    spread = constructor.params.star_kwarg
    rest = "kwargs" if spread is None else spread.name.value
    facts = policy.cls.facts.function("__init__")
    assert facts is not None
    taken = {p.name for p in facts.parameters}
    if spread is None and rest in taken:
        raise _Unlike("its constructor has a parameter called kwargs that is not **kwargs")
    if any(a.star == "*" or (a.star == "**" and tree.code(a.value) != rest) for a in call.args):
        raise _Unlike("what its constructor hands to super().__init__ is not known")
    positional = [a for a in call.args if a.keyword is None and not a.star]
    if len(positional) == len(WRAPPER_PARAMETERS):
        raise _Unlike(f"its constructor hands {WRAPPER_PARAMETERS[-1]} on by position: name it in the call")
    passed = {a.keyword.value for a in call.args if a.keyword is not None}
    passed |= set(WRAPPER_PARAMETERS[: len(positional)])
    hands_on = any(a.star == "**" for a in call.args)

    new, arguments = [], []
    for name, default in _sizes(wrapper).items():
        if name not in passed and default != BASE_SIZE:
            if hands_on:
                raise _Unlike(f"its {name} may come through **{rest}")
            arguments.append(f"{name}={default!r}")
    for name, text in _settings(policy, wrapper).items():
        if name in passed:
            continue
        if name == "num_layers" and name in taken and not _depth(wrapper).chosen:
            arguments.append(f"{name}={text}")  # its own num_layers are not the LSTM's
            continue
        arguments.append(f"{name}={name}")
        if name not in taken:
            new.append(f"{name}={text}")
    if spread is None:
        new.append(f"**{rest}")
    if not hands_on and (spread is None or ir.Name(rest) not in ir.nodes(facts.body)):
        arguments.append(f"**{rest}")
    yield from tree.add_parameters(constructor, new)
    yield from tree.add_arguments(call, arguments)
