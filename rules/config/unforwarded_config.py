from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.options import lost, unread


class UnforwardedConfig(Rule[PolicyClass]):
    """A constructor accepts a parameter that its base takes too, and drops it on the way there.

    ## What it does
    Reports a parameter of a contract policy's constructor that its body never reads although the constructor
    of its base takes it, and one of the contract's parameters that is lost among the `**kwargs` likewise.

    ## Why it matters
    The factory passes the config's value, nothing complains, and the base works with its default.

    ## Example
    ```python
    def __init__(self, env, policy=None, clip_range=0.0):
        super().__init__(env, policy)
    ```

    ## Use instead
    ```python
    def __init__(self, env, policy=None, clip_range=0.0):
        super().__init__(env, policy, clip_range=clip_range)
    ```

    ## Fix safety
    Safe: the parameter is passed on by name. Where the config gives the base's default nothing changes.

    ## Source
    Metta-AI/metta at cef2d0434a: the settings of the YAML files reach none of the PyTorch agents.
    """

    code = "PF402"
    name = "unforwarded-config"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if policy.constructor is None or policy.cls.unknown or policy.cls.is_rebuilt:
            return
        function, owner = policy.constructor
        if function.decorators or owner.module.name is not None or not _calls_base(function):
            return
        dropped = [*unread(policy), *lost(policy)]
        if dropped and policy.is_contract:
            yield self.finding(
                policy.place(function, owner),
                f"{owner.name} accepts {', '.join(dropped)} but does not pass on what its base takes",
                policy,
            )


def _calls_base(constructor: ir.FunctionFacts) -> bool:
    calls = (node.function for node in constructor.nodes if isinstance(node, ir.Call))
    return any(isinstance(function, ir.Attribute) and function.name == "__init__" for function in calls)
