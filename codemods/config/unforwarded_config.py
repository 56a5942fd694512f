from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.subjects.options import lost, unread


class ForwardToBase(Codemod[PolicyClass]):
    """Passes on, by name, what a constructor accepts and its base takes."""

    answers = ("PF402",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        assert policy.constructor is not None
        function, owner = policy.constructor
        cls = tree.find_class(policy.name)
        base = policy.cls.find("__init__", after=owner)
        if cls is None or owner is not policy.cls or base is None:
            return Refusal(f"the constructor of {policy.name} is not its own")
        found = tree.base_call(cls)
        if isinstance(found, Refusal):
            return found
        _, call = found
        if any(argument.star == "*" for argument in call.args):
            return Refusal("it passes *arguments: what they hold is not known")
        positional = sum(argument.keyword is None and not argument.star for argument in call.args)
        passed = {argument.keyword.value for argument in call.args if argument.keyword is not None}
        passed |= {p.name for p in base[0].parameters[1 : positional + 1]}
        names, asked = list(unread(policy)), list(lost(policy))
        taken = sorted(passed.intersection(names, asked) | passed & {*names, *asked})
        if taken:
            return Refusal(f"it passes something else as {', '.join(taken)}")
        spread = function.parameter("**")
        defaults = dict(policy.contract.parameters)
        new = [f"{name}={name}" for name in names]
        if spread is not None:
            new += [f'{name}={spread.name}.pop("{name}", {defaults[name]!r})' for name in asked]
        return self.fix(f"pass {', '.join(names + asked)} on to the base", tree.add_arguments(call, new))
