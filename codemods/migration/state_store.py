"""A policy that drops the state of its LSTM, or keeps it in its own way, gets the runtime's `StateStore`.

The LSTM and its parameters stay; `StateStore.unroll` takes the place of its call. What only served to keep
the state so far goes: attributes, the statements around the call, the bodies of memory methods.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import libcst as cst

from policyfix.codemod import Codemod, Plan, starts_afresh
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.flow.calls import TENSORDICT_VIEWS
from policyfix.imports import import_name
from policyfix.liveness import Entangled, Leftovers, is_pure, leftovers, mentions
from policyfix.remembered import remembered
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import kept_attributes, only_keeps, recalling_calls, reset_fault, shares_slot
from policyfix.trace import CoreCall
from policyfix.values import keywords, positional

STORE = "StateStore"
# What the store answers for: its parameter, and what it does.
METHODS = {
    "has_memory": ("", "Whether the policy is recurrent: it is."),
    "get_memory": ("", "Copies of the state of every environment group."),
    "set_memory": ("memory", "Replaces the state of all groups by copies of `{}`."),
    "reset_memory": ("", "Forgets the state of all environment groups."),
    "reset_env_memory": ("group_id", "Forgets the state of one environment group."),
}
# Constructor arguments of an LSTM that the store can run, in order.
PLAIN_OPTIONS = dict.fromkeys(("input_size", "hidden_size", "num_layers", "bias", "batch_first"))
# Rules that a small edit satisfies where the state is kept as it should be otherwise.
_LESSER = frozenset({"PF201", "PF207", "PF208"})


class _Unlike(Exception):  # noqa: N818 - no error: the reason why nothing is certain
    """The class does not drive its LSTM in the one way that can be mended in place."""


class KeepStateInStore(Codemod[PolicyClass]):
    """Gives a policy a store for the state of its LSTM, and the methods that reach the store."""

    answers = ("PF201", "PF202", "PF203", "PF204", "PF205", "PF207", "PF208")
    priority = 5

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        if not policy.is_contract:
            return Refusal("nothing says that it serves a trainer that resets its memory")
        if finding.code in _LESSER and not _is_kept_wrongly(policy):
            return Refusal("its state has the slots and the resets that it needs")
        edits = _edits(policy, tree)
        if isinstance(edits, Refusal):
            return edits
        return self.fix(f"keep the state of {policy.name} in a {STORE}", edits)


def _is_kept_wrongly(policy: PolicyClass) -> bool:
    """Whether groups of environments share the state, or episodes do."""
    calls = recalling_calls(policy)
    return any(shares_slot(policy, call) or reset_fault(policy, call) is not None for call in calls)


@remembered  # every finding about a class asks the same
def _edits(policy: PolicyClass, tree: SourceTree) -> tuple[Edit, ...] | Refusal:
    cls = tree.find_class(policy.name)
    if cls is None or policy.forward is None or policy.forward[1] is not policy.cls:
        return Refusal("its forward stands in a base class")
    try:
        core = _only_core(policy)
        kept = _kept(policy, core)
        lstm = _attribute(policy, core)
        statement, call = _call(tree, core, lstm)
        td, action = _arguments(policy, core)
        constructor = _constructor(policy, cls, tree)
        forward = tree.find_method(cls, "forward")
        assert forward is not None
        methods = [(n, tree.find_method(cls, n)) for n in METHODS]
        own = {name: method for name, method in methods if method is not None}
        if kept:
            _refuse_strangers(cls, kept, own, tree)
        _refuse_taken(policy, ["memory", *(METHODS.keys() - own.keys() if kept else METHODS)])
        state = [argument.value for argument in call.args[1:]] if kept else []
        if not all(map(is_pure, state)):
            raise _Unlike("the state that it starts from is computed by a call that may do more")
        rest = _leftovers(forward, kept, state, tree)
        unused = _leftovers(constructor, kept, [], tree).statements
        given = [] if kept else [tree.code(argument) for argument in call.args[1:]]
        inputs = [f"self.{lstm}", tree.code(call.args[0]), td, *given, f"training={action} is not None"]
        imported = import_name(tree, "policyfix.runtime", STORE)
        new = _methods(tree.indent, own)
        missing = tree.add_method(cls, new) if new else None
    except _Unlike as reason:
        return Refusal(f"its state cannot be kept in place: {reason}")
    for refused in (imported, missing):
        if isinstance(refused, Refusal):
            return refused
    edits = [
        *_rewired_call(statement, call, inputs, kept, rest, tree),
        *_rewired_methods(own, kept, tree),
        *_built(constructor, unused, lstm, policy, tree),
        *tree.delete([*rest.statements, *_declared(cls, kept)]),
    ]
    edits += [edit for edit in (imported, missing) if isinstance(edit, Edit)]
    return tuple(edits)


def _only_core(policy: PolicyClass) -> CoreCall:
    """The one call of an LSTM in forward itself."""
    calls = [call for trace in policy.traces for call in trace.of(CoreCall)]
    if not all(trace.complete for trace in policy.traces):
        raise _Unlike("its forward is too large to follow")
    if len({call.place for call in calls}) != 1 or len(calls) != 2:
        raise _Unlike("its forward does not call one recurrent core just once")
    core = calls[0]
    assert policy.forward is not None
    if core.kind != "torch.nn.LSTM" or not policy.cores:
        raise _Unlike("its core is not a torch.nn.LSTM that runs over time")
    if core.place.function is not policy.forward[0]:
        raise _Unlike("its LSTM is called outside forward")
    given, named = positional(core.core.args[1:]), keywords(core.core.args)
    if len(given) > len(PLAIN_OPTIONS) or named.keys() - PLAIN_OPTIONS.keys():
        raise _Unlike("its LSTM is built with options that the store does not know")
    return core


def _kept(policy: PolicyClass, core: CoreCall) -> frozenset[str]:
    """Attributes, as `self.x`, that keep the state from call to call; none where it is dropped."""
    calls = [call for trace in policy.traces for call in trace.of(CoreCall)]
    if not policy.kept_states and all(starts_afresh(call.state) for call in calls):
        if policy.keeps_state(core):
            raise _Unlike("it keeps the state in its own way")
        return frozenset()
    if policy.is_open or not all(only_keeps(policy, call) for call in calls):
        raise _Unlike("its LSTM starts from something else than what it kept")
    ways = {way for way, _ in policy.kept_within} | set(kept_attributes(policy))
    if not ways or any("." in way for way in ways):
        raise _Unlike("it does not keep the state in attributes of its own")
    if any(store.registered and store.attribute in ways for store in policy.construction):
        raise _Unlike("the state is in its checkpoints, as a buffer")
    inherited = [base for base in policy.cls.linked[1:] if ways & ir.names_in(base.facts)]
    if inherited:
        raise _Unlike(f"its base {inherited[0].name} handles the state")
    if any(policy.module.project.texts.assigns(way) for way in ways):
        raise _Unlike("somebody else sets its state")
    return frozenset(f"self.{way}" for way in ways)


def _refuse_strangers(
    cls: cst.ClassDef, kept: frozenset[str], own: dict[str, cst.FunctionDef], tree: SourceTree
) -> None:
    """Raises where a method does something with the state that the store does not do."""
    for method in cls.body.body:
        if not isinstance(method, cst.FunctionDef) or method.name.value in ("__init__", "forward", *own):
            continue
        used = kept & mentions(method)
        if used:
            raise _Unlike(f"its {method.name.value} handles {min(used)} too")
    for name, method in own.items():
        spoken = mentions(method.body)
        strange = {word for word in spoken - kept if word.partition(".")[0] in ("self", "super")}
        if strange or any(tree.code(d.decorator) != "torch.no_grad()" for d in method.decorators):
            raise _Unlike(f"its {name} does more than to handle the state")
        if not isinstance(method.body, cst.IndentedBlock):
            raise _Unlike(f"its {name} is written on one line")
        if len(method.params.params) != (2 if METHODS[name][0] else 1) or method.params.kwonly_params:
            raise _Unlike(f"its {name} takes other arguments than that of the store")


def _leftovers(
    function: cst.FunctionDef, kept: frozenset[str], state: list[cst.BaseExpression], tree: SourceTree
) -> Leftovers:
    try:
        return leftovers(function, kept, state)
    except Entangled as reason:
        line = tree.line(reason.statement)
        raise _Unlike(f"line {line} serves its state and something else") from None


def _rewired_call(
    statement: cst.SimpleStatementLine,
    call: cst.Call,
    inputs: list[str],
    kept: frozenset[str],
    rest: Leftovers,
    tree: SourceTree,
) -> Iterator[Edit]:
    """The call of the LSTM by way of the store, and `_` for a new state that nobody reads any more."""
    yield tree.replace(call, f"self.memory.unroll({', '.join(inputs)})")
    if not kept:
        return
    match statement.body[0]:
        case cst.Assign(
            targets=[cst.AssignTarget(target=cst.Tuple(elements=[out, new]) as both)], value=value
        ) if value is call and not mentions(out.value) & kept:
            spoken = mentions(new.value)
            if not spoken & rest.read:
                yield tree.replace(both, f"{tree.code(out.value)}, _")
                return
        case small:
            spoken = mentions(small) - mentions(call)
    if spoken & kept:
        raise _Unlike("it keeps the state in an assignment that serves something else too")


def _rewired_methods(
    own: dict[str, cst.FunctionDef], kept: frozenset[str], tree: SourceTree
) -> Iterator[Edit]:
    """The memory methods that the class has: what they do now."""
    for name, method in own.items():
        if name == "has_memory" and not mentions(method.body) & kept:
            continue
        parameters = [p.name.value for p in method.params.params[1:]]
        first, last = method.body.body[0], method.body.body[-1]
        inside = tree.newline + tree.indentation(first)
        yield Edit(tree.span(first)[0], tree.span(last)[1], inside.join(_body(name, parameters)))


def _declared(cls: cst.ClassDef, kept: frozenset[str]) -> Iterator[cst.CSTNode]:
    """Lines of the class body that declare an attribute which is gone."""
    for statement in cls.body.body:
        match statement:
            case cst.SimpleStatementLine(body=[cst.AnnAssign(target=cst.Name(value=name))]):
                if f"self.{name}" in kept:
                    yield statement


def _built(
    constructor: cst.FunctionDef,
    unused: tuple[cst.CSTNode, ...],
    lstm: str,
    policy: PolicyClass,
    tree: SourceTree,
) -> Iterator[Edit]:
    """The store, built where the constructor first set the state up, else at its end."""
    built = f"self.memory = {STORE}(self.{lstm}.num_layers, self.{lstm}.hidden_size)"
    made = [s for s in policy.construction if s.attribute == lstm and s.place.path == policy.path]
    after = [
        node
        for node in constructor.body.body
        if node in unused and made and tree.line(node) > made[0].place.span.line
    ]
    if after:
        yield tree.replace(after[0], built)
        yield from tree.delete([node for node in unused if node is not after[0]])
    else:
        insertion = tree.insert_after(constructor.body.body[-1], [built])
        yield insertion
        yield from tree.delete(unused, [insertion.start])


def _attribute(policy: PolicyClass, core: CoreCall) -> str:
    """The attribute that holds the LSTM once the instance is built."""
    names = {s.attribute for s in policy.construction if s.value == core.core}
    stored = [s for s in policy.construction if s.attribute in names]
    if len(stored) != 1 or stored[0].thing is not policy.instance:
        raise _Unlike("where it keeps its LSTM is not certain")
    return stored[0].attribute


def _call(tree: SourceTree, core: CoreCall, lstm: str) -> tuple[cst.SimpleStatementLine, cst.Call]:
    """The statement with the call `self.lstm(inputs)` or `self.lstm(inputs, state)`, and the call."""
    statement = tree.statement_at(core.place.span.line, core.place.span.column)
    calls = [] if statement is None else tree.calls_of(f"self.{lstm}", statement)
    if statement is None or len(calls) != 1:
        raise _Unlike(f"it does not call self.{lstm} by that name")
    arguments = calls[0].args
    if not 1 <= len(arguments) <= 2 or any(a.star or a.keyword is not None for a in arguments):
        raise _Unlike("it calls its LSTM with keywords")
    return statement, calls[0]


def _arguments(policy: PolicyClass, core: CoreCall) -> tuple[str, str]:
    """The names that hold the TensorDict and the given actions where the LSTM is called."""
    assert policy.forward is not None
    forward = policy.forward[0]
    names = [p.name for p in forward.parameters]
    if names[0] != "self" or "action" not in names:
        raise _Unlike("its forward takes no action")
    td, action = names[1], "action"
    for node in forward.nodes:
        if not isinstance(node, ir.Assign) or node.span.line > core.place.span.line:
            continue
        bound = {part.id for t in node.targets for part in ir.nodes(t) if isinstance(part, ir.Name)}
        if action in bound:
            raise _Unlike(f"it assigns {action} before it calls its LSTM")
        if td in bound and not _is_view(node.value, td):
            raise _Unlike(f"it assigns {td} before it calls its LSTM")
    return td, action


def _is_view(value: ir.Expr, td: str) -> bool:
    """`td.reshape(...)` and its like: the same entries, row by row."""
    match value:
        case ir.Call(function=ir.Attribute(value=ir.Name(id=name), name=method)):
            return name == td and method in TENSORDICT_VIEWS
    return False


def _constructor(policy: PolicyClass, cls: cst.ClassDef, tree: SourceTree) -> cst.FunctionDef:
    """The class's own constructor, which builds the LSTM and may build the store."""
    constructor, facts = tree.find_method(cls, "__init__"), policy.cls.facts.function("__init__")
    if constructor is None or facts is None or not isinstance(constructor.body, cst.IndentedBlock):
        raise _Unlike("it has no constructor of its own")
    if any(isinstance(node, ir.Return) for node in ir.nodes(facts.body)):
        raise _Unlike("its constructor may return early")
    if set(policy.contract.memory_methods) - METHODS.keys():
        raise _Unlike("the contract asks for other memory methods than the store has")
    return constructor


def _refuse_taken(policy: PolicyClass, names: Iterable[str]) -> None:
    """Raises where the class may have something by one of the names already."""
    taken = [name for name in names if policy.defines(name) is not False]
    if taken:
        raise _Unlike(f"it may have a {taken[0]} of its own")


def _methods(indent: str, own: Collection[str]) -> list[str]:
    """The methods of the memory interface that are missing: every one hands on to the store."""
    lines: list[str] = []
    for name, (parameter, _) in METHODS.items():
        if name not in own:
            body = _body(name, [parameter] if parameter else [])
            signature = f"def {name}(self{', ' + parameter if parameter else ''}):"
            lines += ["", signature, *(indent + line for line in body)]
    return lines[1:]


def _body(name: str, parameters: list[str]) -> list[str]:
    result = "" if parameters or name.startswith("reset") else "return "
    meaning = METHODS[name][1].format(*parameters)
    return [f'"""{meaning}"""', f"{result}self.memory.{name}({', '.join(parameters)})"]
