"""A hand-written recurrent wrapper with the classic forward becomes a `RecurrentPolicy`.

Recognised is a class over an LSTM wrapper (PufferLib's, or a project's own of the same shape) whose forward
encodes the observation, runs the LSTM, decodes, and samples or evaluates actions, and does nothing else: the
runtime's forward does all of that and keeps the contract. The net, the constructor's own parameters and every
parameter name stay. The LSTM keeps its depth, so that old checkpoints load.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from policyfix.codemod import Codemod, Edit, Plan, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.flow import CoreCall, Escape, InPlace, KeyWrite, NetCall, Store, Trace
from policyfix.project import LinkedClass
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.values import (
    VIEWS,
    Const,
    Either,
    Group,
    Term,
    Unknown,
    Value,
    aliases,
    is_fresh_state,
    is_tensordict,
    options,
    walk,
)

BASE = "RecurrentPolicy"
MODULE = "policyfix.runtime"

# What a wrapper's constructor takes, in this order; `num_layers` where it offers that.
WRAPPER_PARAMETERS = ("env", "policy", "input_size", "hidden_size", "num_layers")
# Methods of a wrapper that the runtime's base class replaces.
WRAPPER_METHODS = frozenset({"__init__", "forward", "forward_eval"})

_SHAPING = (VIEWS - {"detach", "data"}) | {
    "to",
    "float",
    "int",
    "long",
    "index_none",
    "einops.rearrange",
    "torch.reshape",
    "torch.squeeze",
    "torch.flatten",
    "torch.transpose",
}
_LOG_SOFTMAX = frozenset({"torch.nn.functional.log_softmax", "torch.log_softmax", "log_softmax"})


class _Unlike(Exception):  # noqa: N818 - no error: the reason why a forward is not the classic one
    """The class is not what the migration recognises; the message says in what."""


class MigrateToRecurrentPolicy(Codemod):
    answers = ("PF101", "PF201", "PF202", "PF205", "PF301", "PF401")
    priority = 0

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        try:
            wrapper = _wrapper(policy)
            layers = _layers(policy, wrapper)
            _recognise(policy)
            edits = _rewrite(policy, layers, tree)
        except _Unlike as reason:
            return Refusal(f"{policy.name} is not migrated: {reason}")
        if isinstance(edits, Refusal):
            return edits
        title = f"migrate {policy.name} to {MODULE}.{BASE}"
        return self.fix(title, edits)


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
    return wrapper


def _layers(policy: PolicyClass, wrapper: LinkedClass) -> int | None:
    """Depth of the LSTM that the wrapper builds; None where it is the constructor's `num_layers`."""
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
    if isinstance(depth, ir.Literal) and isinstance(depth.value, int):
        return depth.value
    if depth == ir.Name("num_layers"):
        return None
    raise _Unlike(f"the depth of the LSTM of {wrapper.name} is not known")


def _recognise(policy: PolicyClass) -> None:
    """Raises `_Unlike` where forward does anything that the runtime's forward would not do."""
    assert policy.forward is not None
    contract, forward = policy.contract, policy.forward[0]
    parameters = [p.name for p in forward.parameters[1:]]
    if parameters not in (["td", "state", "action"], ["td", "action"], ["td"]) and len(parameters) > 3:
        raise _Unlike("its forward takes other arguments than td, state and action")
    if forward.parameter("*") or forward.parameter("**"):
        raise _Unlike("its forward takes further arguments")
    owned = set(contract.memory_methods) & {f.name for f in policy.cls.facts.functions}
    if owned:
        raise _Unlike(f"it has a {sorted(owned)[0]} of its own")
    for trace in policy.traces:
        _recognise_forward(policy, trace, training=trace is policy.training)
    _recognise_conversions(policy)


def _recognise_forward(policy: PolicyClass, trace: Trace, training: bool) -> None:
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
    if not is_fresh_state(core.state):
        raise _Unlike("its LSTM starts from a state of its own")
    output = [t for t in walk(decode.arguments[0]) if isinstance(t, Term) and t.op == "index"]
    if not any(_is(decode.arguments[0], t) and t.args == (core.result, Const(0)) for t in output):
        raise _Unlike(f"it changes the output of the LSTM before {contract.decode}")
    own = policy.forward[0].qualname if policy.forward else ""
    for event in trace.events:
        if isinstance(event, Store) and event.thing is policy.instance:
            raise _Unlike(f"its forward stores self.{event.attribute}")
        if isinstance(event, InPlace) and event.place.symbol == own:
            raise _Unlike(f"its forward overwrites a tensor in place (line {event.place.span.line})")
        if isinstance(event, Escape) and event.place.symbol == own:
            raise _Unlike(f"its forward calls something unknown (line {event.place.span.line})")
    logits, value = _decoded(decode.result)
    allowed = contract.training_outputs if training else contract.rollout_outputs
    for write in trace.of(KeyWrite):
        if write.key in contract.stamps:
            continue
        if write.key not in allowed:
            raise _Unlike(f'its forward writes td["{write.key}"]')
        if not _means(write.key, write.value, logits, value):
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


def _means(key: str | None, written: Value, logits: Value, value: Value) -> bool:
    """Whether an output is what the contract's forward computes from logits and value."""
    match key:
        case "values" | "value":
            return _is(written, value)
        case "full_log_probs":
            return _is_log_softmax(_shaped(written), logits)
        case "act_log_prob":
            chosen = _shaped(written)
            return (
                isinstance(chosen, Term)
                and chosen.op in ("index", "gather")
                and _is_log_softmax(chosen.args[0], logits)
            )
        case "entropy":
            return _is_entropy(_shaped(written), logits)
        case "actions":
            return _is_sample(_shaped(written), logits)
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
    return isinstance(value, Term) and value.op in _LOG_SOFTMAX and _is(value.args[0], logits)


def _is_entropy(value: Value, logits: Value) -> bool:
    """`-(p * log p).sum(-1)`: a negated sum of a product of exp(log p), or softmax, and log p."""
    if not (isinstance(value, Term) and value.op == "-" and len(value.args) == 1):
        return False
    total = value.args[0]
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


def _is_sample(value: Value, logits: Value) -> bool:
    """`table[multinomial(p)]`: one action a row, drawn from the probabilities."""
    if not (isinstance(value, Term) and value.op == "index" and isinstance(value.args[0], Term)):
        return False
    table, drawn = value.args[0], _shaped(value.args[1])
    return (
        table.op == "attribute"
        and isinstance(drawn, Term)
        and drawn.op in ("torch.multinomial", "multinomial")
        and _is_probability(drawn.args[0], logits)
    )


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
            if isinstance(part, Unknown) or (isinstance(part, Term) and part.op not in known)
        ]
        if strange or any(isinstance(event, Store | InPlace | Escape) for event in trace.events):
            raise _Unlike(f"its {name} does more than look actions up")


# ------------------------------------------------------------------------------------------ the rewrite


def _rewrite(policy: PolicyClass, layers: int | None, tree: SourceTree) -> list[Edit] | Refusal:
    cls = tree.find_class(policy.name)
    if cls is None:
        return Refusal(f"{policy.name} is not found in {tree.source.path}")
    imported = tree.import_name(MODULE, BASE)
    if isinstance(imported, Refusal):
        return imported
    edits = [] if imported is None else [imported]
    edits.append(tree.replace(cls.bases[0].value, BASE))
    contract = policy.contract
    removed = [tree.find_method(cls, n) for n in ("forward", contract.to_index, contract.from_index)]
    methods = [m for m in removed if m is not None]
    constructor = tree.find_method(cls, "__init__")
    parameters = _parameters(policy, layers)
    if constructor is not None:
        edits += _constructor(constructor, policy, parameters, tree)
    else:
        edits.append(_new_constructor(methods[0], parameters, tree))
        methods = methods[1:]
    edits += [tree.delete(method) for method in methods]
    return edits


def _parameters(policy: PolicyClass, layers: int | None) -> dict[str, str]:
    """Keywords that the constructor is to take and hand on, with their defaults."""
    depth = {"num_layers": str(1 if layers is None else layers)}
    return depth | {name: repr(default) for name, default in policy.contract.parameters}


def _constructor(
    function: cst.FunctionDef, policy: PolicyClass, parameters: dict[str, str], tree: SourceTree
) -> Iterator[Edit]:
    """The parameters added to the signature, and handed on to the base constructor."""
    call = _super_call(function)
    taken = {p.name.value for p in (*function.params.params, *function.params.kwonly_params)}
    spread = function.params.star_kwarg
    facts = policy.cls.facts.function("__init__")
    assert facts is not None
    new = [f"{name}={default}" for name, default in parameters.items() if name not in taken]
    if spread is None:
        new.append("**kwargs")
        handed_on = "kwargs"
    else:
        handed_on = spread.name.value
    yield from tree.add_parameters(function, new)
    passed = {a.keyword.value for a in call.args if a.keyword is not None}
    arguments = [f"{name}={name}" for name in parameters if name not in passed]
    if not any(a.star == "**" for a in call.args) and (
        spread is None or ir.Name(handed_on) not in ir.nodes(facts.body)
    ):
        arguments.append(f"**{handed_on}")
    yield from tree.add_arguments(call, arguments)


def _super_call(function: cst.FunctionDef) -> cst.Call:
    """The call of the base constructor."""
    found: list[cst.Call] = []
    for statement in function.body.body:
        if isinstance(statement, cst.SimpleStatementLine):
            for small in statement.body:
                if isinstance(small, cst.Expr) and isinstance(small.value, cst.Call):
                    call = small.value
                    if cst.Module([]).code_for_node(call.func) == "super().__init__":
                        found.append(call)
    if len(found) != 1 or any(a.star == "*" for a in found[0].args):
        raise _Unlike("its constructor does not call super().__init__(...) just once")
    return found[0]


def _new_constructor(place: cst.FunctionDef, parameters: dict[str, str], tree: SourceTree) -> Edit:
    """A constructor in the place of the forward, for a class that had none."""
    start, end = tree.whole(place)
    inner, newline = tree.indent, tree.newline
    outer = tree.indentation(place)
    own = [f"{name}={default}" for name, default in parameters.items()]
    handed = ", ".join(f"{name}={name}" for name in parameters)
    lines = [
        "def __init__(",
        f"{inner}self, env, policy, input_size=128, hidden_size=128, {', '.join(own)}, **kwargs",
        "):",
        f"{inner}super().__init__(",
        f"{inner}{inner}env, policy, input_size, hidden_size, {handed}, **kwargs",
        f"{inner})",
    ]
    return Edit(start, end, "".join(outer + line + newline for line in lines))
