"""Which options of a config a policy's constructor loses on the way to its base."""

from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.project import LinkedClass
from policyfix.subjects.constructors import asks_for
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
            elif not is_ours and _is_named_by_a_base(parameter.name, policy, owner):
                yield parameter.name


def _is_named_by_a_base(name: str, policy: PolicyClass, owner: LinkedClass) -> bool:
    """Whether the next constructor names a parameter, or hands its keywords on to one that does."""
    base = policy.cls.find("__init__", after=owner)
    while base is not None:
        function, cls = base
        if name in function.accepts:
            return policy.base_takes(name, owner) is True
        if function.parameter("**") is None or _gives(function, name):
            return False
        base = policy.cls.find("__init__", after=cls)
    return False


def _gives(function: ir.FunctionFacts, name: str) -> bool:
    """Whether a constructor hands on a value of its own under a name."""
    return any(isinstance(node, ir.Argument) and node.keyword == name for node in function.nodes)


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


def is_kept_from_base(policy: PolicyClass, name: str) -> bool:
    """Whether constructors hand on a parameter, or never name it, up to a base that takes it and reads it:
    where the config's value changes nothing, one of them has lost it."""
    constructor = policy.constructor
    while constructor is not None:
        function, cls = constructor
        reads = asks_for(name, function) or (name in function.accepts and ir.Name(name) in function.nodes)
        if reads and not _gives(function, name):
            return constructor != policy.constructor
        constructor = policy.cls.find("__init__", after=cls)
    return False
