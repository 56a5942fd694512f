from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan, starts_afresh
from policyfix.edits import Refusal, SourceTree
from policyfix.facts import ir
from policyfix.flow import TENSORDICT_VIEWS
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.trace import CoreCall
from policyfix.values import keywords, positional

STORE = "StateStore"
# What the store answers for, and how.
METHODS = {
    "has_memory": ("", "Whether the policy is recurrent: it is."),
    "get_memory": ("", "Copies of the state of every environment group."),
    "set_memory": ("memory", "Replaces the state of all groups by copies of `memory`."),
    "reset_memory": ("", "Forgets the state of all environment groups."),
    "reset_env_memory": ("group_id", "Forgets the state of one environment group."),
}
# Constructor arguments of an LSTM that the store can run, in order.
PLAIN_OPTIONS = dict.fromkeys(("input_size", "hidden_size", "num_layers", "bias", "batch_first"))


class _Unlike(Exception):  # noqa: N818 - no error: the reason why nothing is certain
    """The class does not drive its LSTM in the one way that can be mended in place."""


class KeepState(Codemod[PolicyClass]):
    """Gives a policy that drops its LSTM's state a store for it, and the methods that reach the store."""

    answers = ("PF202", "PF205")

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls = tree.find_class(policy.name)
        if cls is None or policy.forward is None or policy.forward[1] is not policy.cls:
            return Refusal("its forward stands in a base class")
        try:
            core = _only_core(policy)
            lstm = _attribute(policy, core)
            call = _call(tree, core, lstm)
            td, action = _arguments(policy, core)
            end = _end_of_constructor(policy, cls, tree)
        except _Unlike as reason:
            return Refusal(f"its state cannot be kept in place: {reason}")
        imported = tree.import_name("policyfix.runtime", STORE)
        methods = tree.add_method(cls, _methods(tree.indent))
        for refused in (imported, methods):
            if isinstance(refused, Refusal):
                return refused
        inputs = [tree.code(argument) for argument in call.args]
        unrolled = ", ".join([f"self.{lstm}", inputs[0], td, *inputs[1:], f"training={action} is not None"])
        built = f"self.memory = {STORE}(self.{lstm}.num_layers, self.{lstm}.hidden_size)"
        edits = [
            tree.replace(call, f"self.memory.unroll({unrolled})"),
            tree.insert_after(end, [built]),
            *(edit for edit in (imported, methods) if not isinstance(edit, Refusal) and edit is not None),
        ]
        return self.fix(f"keep the state of {policy.name} in a {STORE}", edits)


def _only_core(policy: PolicyClass) -> CoreCall:
    """The one call of an LSTM in forward itself, always from no state, whose new state goes nowhere."""
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
    if not all(starts_afresh(call.state) for call in calls):
        raise _Unlike("its LSTM is given a state of its own")
    if policy.kept_states or policy.keeps_state(core):
        raise _Unlike("it keeps the state in its own way")
    given, named = positional(core.core.args[1:]), keywords(core.core.args)
    if len(given) > len(PLAIN_OPTIONS) or named.keys() - PLAIN_OPTIONS.keys():
        raise _Unlike("its LSTM is built with options that the store does not know")
    return core


def _attribute(policy: PolicyClass, core: CoreCall) -> str:
    """The attribute that holds the LSTM once the instance is built."""
    names = {s.attribute for s in policy.construction if s.value == core.core}
    stored = [s for s in policy.construction if s.attribute in names]
    if len(stored) != 1 or stored[0].thing is not policy.instance:
        raise _Unlike("where it keeps its LSTM is not certain")
    return stored[0].attribute


def _call(tree: SourceTree, core: CoreCall, lstm: str) -> cst.Call:
    """The call `self.lstm(inputs)` or `self.lstm(inputs, state)`."""
    statement = tree.statement_at(core.place.span.line, core.place.span.column)
    calls = [] if statement is None else tree.calls_of(f"self.{lstm}", statement)
    if len(calls) != 1:
        raise _Unlike(f"it does not call self.{lstm} by that name")
    arguments = calls[0].args
    if not 1 <= len(arguments) <= 2 or any(a.star or a.keyword is not None for a in arguments):
        raise _Unlike("it calls its LSTM with keywords")
    return calls[0]


def _arguments(policy: PolicyClass, core: CoreCall) -> tuple[str, str]:
    """The names that hold the TensorDict and the given actions where the LSTM is called."""
    assert policy.forward is not None
    forward = policy.forward[0]
    names = [p.name for p in forward.parameters]
    if names[0] != "self" or "action" not in names:
        raise _Unlike("its forward takes no action")
    td, action = names[1], "action"
    for node in ir.nodes(forward.body):
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


def _end_of_constructor(policy: PolicyClass, cls: cst.ClassDef, tree: SourceTree) -> cst.CSTNode:
    """The last statement of the class's own constructor, after which the LSTM is there."""
    constructor, facts = tree.find_method(cls, "__init__"), policy.cls.facts.function("__init__")
    if constructor is None or facts is None or not isinstance(constructor.body, cst.IndentedBlock):
        raise _Unlike("it has no constructor of its own")
    if any(isinstance(node, ir.Return) for node in ir.nodes(facts.body)):
        raise _Unlike("its constructor may return early")
    if set(policy.contract.memory_methods) - METHODS.keys():
        raise _Unlike("the contract asks for other memory methods than the store has")
    taken = [name for name in ("memory", *METHODS) if policy.defines(name) is not False]
    if taken:
        raise _Unlike(f"it may have a {taken[0]} of its own")
    return constructor.body.body[-1]


def _methods(indent: str) -> list[str]:
    """The memory interface: every method hands on to the store."""
    lines: list[str] = []
    for name, (parameter, meaning) in METHODS.items():
        result = "" if parameter or name.startswith("reset") else "return "
        lines += [
            "",
            f"def {name}(self{', ' + parameter if parameter else ''}):",
            f'{indent}"""{meaning}"""',
            f"{indent}{result}self.memory.{name}({parameter})",
        ]
    return lines[1:]
