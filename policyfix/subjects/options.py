"""Which options of a config a policy's constructor loses on the way to its base."""

from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.subjects.policy import PolicyClass
from policyfix.values import Term

GIVEN = Term("option", (), 0)  # stands for what a config gives


def unread(policy: PolicyClass) -> Iterator[str]:
    """Parameters that the body of the constructor never names, and that its base takes."""
    assert policy.constructor is not None
    function, owner = policy.constructor
    base = policy.cls.find("__init__", after=owner)
    if base is None:
        return
    # Our own base has options that policies written for another one may call alike and mean otherwise.
    is_ours = base[1].dotted == policy.contract.base
    read = {node.id for node in function.nodes if isinstance(node, ir.Name)}
    if read & {"locals", "vars", "eval"}:
        return
    for parameter in function.parameters[1:]:
        if parameter.kind in ("positional", "keyword") and parameter.name not in read:
            if parameter.name in policy.contract.parameter_names:
                if policy.base_takes(parameter.name, owner):
                    yield parameter.name
            elif parameter.name in base[0].accepts and not is_ours:
                yield parameter.name


def lost(policy: PolicyClass) -> Iterator[str]:
    """Parameters of the contract that come in by `**kwargs`, and that nothing then looks at."""
    assert policy.constructor is not None
    function, owner = policy.constructor
    if function.parameter("**") is None:
        return
    for name in policy.contract.parameter_names:
        if name in function.accepts or not policy.base_takes(name, owner) or policy.takes(name) is False:
            continue
        built = policy.configured({name: GIVEN})
        if built is not None and not built.notices(GIVEN):
            yield name
