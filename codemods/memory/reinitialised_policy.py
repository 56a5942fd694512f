from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.facts import ir
from policyfix.liveness import mentions
from policyfix.project import LinkedClass
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass
from policyfix.subjects.initialisation import holds, layer_of, undone


class RestoreNet(Codemod[PolicyClass]):
    """Gives the wrapped net back the weights that it had before the base's constructor drew others."""

    answers = ("PF210",)
    tier = Tier.UNSAFE
    priority = 20  # a migrated class has no such base

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls = tree.find_class(finding.symbol)
        if cls is None:
            return Refusal("the class is not found in the file")
        base = tree.base_call(cls)
        if isinstance(base, Refusal):
            return base
        statement, call = base
        pairs = list(undone(policy))
        constructors = {f"{each.facts.qualname}.__init__" for each in policy.cls.linked[1:]}
        if not all(loop.place.symbol in constructors for _, loop in pairs):
            return Refusal("the loop over all parameters is no base's own: leave the net out of it by hand")
        layers = [(layer, loop.order) for one, loop in pairs if (layer := layer_of(one.target)) is not None]
        nets = [
            (argument, parameter)
            for argument, parameter, attribute in _kept(call, policy)
            for store in policy.construction
            if store.thing is policy.instance and store.attribute == attribute
            if all(holds(policy, store.value, layer, order) for layer, order in layers)
        ]
        constructor = tree.find_method(cls, "__init__")
        if not nets or constructor is None:
            return Refusal("none of the arguments of its base call is a net that holds all of these layers")
        net, parameter = nets[0]
        taken, edits, before = mentions(constructor), [], []
        if isinstance(net, cst.Name):
            name = net.value
        elif parameter in taken or not _is_first_made(net, call):
            return Refusal("the net has no name in its constructor: give it one")
        else:
            name = parameter
            before = [f"{name} = {tree.code(net)}"]
            edits = [tree.replace(net, name)]
        copies = "initialised" if "initialised" not in taken else f"{name}_as_initialised"
        made = f"{copies} = {{key: value.clone() for key, value in {name}.state_dict().items()}}"
        return self.fix(
            f"keep the weights that {name} was built with",
            [
                tree.insert_before(statement, [*before, made]),
                *edits,
                tree.insert_after(statement, [f"{name}.load_state_dict({copies})"]),
            ],
        )


def _is_first_made(net: cst.BaseExpression, call: cst.Call) -> bool:
    """Whether nothing is called before an argument, so that it may as well be made before all others."""
    values = [argument.value for argument in call.args]
    before = values[: values.index(net)]
    return all(isinstance(v, (cst.Name, cst.Attribute, cst.BaseNumber, cst.SimpleString)) for v in before)


def _kept(call: cst.Call, policy: PolicyClass) -> Iterator[tuple[cst.BaseExpression, str, str]]:
    """The arguments of a base call, each with the parameter that it goes to, and the attribute that a
    constructor up the bases keeps that as."""
    found = policy.cls.find("__init__", after=policy.cls)
    if found is None or any(argument.star for argument in call.args):
        return
    function, base = found
    taken = [p.name for p in function.parameters[1:] if p.kind in ("positional-only", "positional")]
    for position, argument in enumerate(call.args):
        named = [argument.keyword.value] if argument.keyword else taken[position : position + 1]
        for name in named:
            attribute = _attribute(name, function, base, policy)
            if attribute is not None:
                yield argument.value, name, attribute


def _attribute(name: str, function: ir.FunctionFacts, owner: LinkedClass, policy: PolicyClass) -> str | None:
    """The attribute that a constructor, or the base's that it calls, keeps a parameter as."""
    receiver = ir.Name(function.parameters[0].name)
    given: list[str | None] = []
    if any(name in ir.bound(node) for node in function.nodes):
        return None
    for node in function.nodes:
        match node:
            case ir.Assign(targets=(ir.Attribute(value=value, name=attribute),)) if value == receiver:
                if node.value == ir.Name(name):
                    return attribute
            case ir.Call(function=ir.Attribute(value=ir.Call(function=ir.Name(id="super")), name="__init__")):
                given += _parameters(ir.Name(name), node, owner, policy)
    if len(given) != 1 or given[0] is None:
        return None
    found = policy.cls.find("__init__", after=owner)
    return None if found is None else _attribute(given[0], *found, policy)


def _parameters(
    value: ir.Name, call: ir.Call, owner: LinkedClass, policy: PolicyClass
) -> Iterator[str | None]:
    """The parameters of the base's constructor that a call gives a value; None for one that is not known."""
    found = policy.cls.find("__init__", after=owner)
    taken = [] if found is None else [p.name for p in found[0].parameters[1:]]
    for position, argument in enumerate(call.arguments):
        if argument.value == value:
            known = not any(a.star for a in call.arguments[: position + 1])
            at = taken[position] if known and position < len(taken) else None
            yield argument.keyword or at
