from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.project import External
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class ExcludeFromDynamo(Codemod[PolicyClass]):
    """Keeps a stateful forward out of the compiler's graphs."""

    answers = ("PF207",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls = tree.find_class(policy.name)
        forward = None if cls is None else tree.find_method(cls, "forward")
        if forward is None or policy.forward is None or policy.forward[1] is not policy.cls:
            return Refusal("its forward stands in a base class")
        if forward.decorators:
            return Refusal("its forward is decorated already: put @torch._dynamo.disable where it belongs")
        if policy.module.member("torch") != External("torch"):
            return Refusal("the file does not import torch by that name")
        edit = tree.insert_before(forward, ["@torch._dynamo.disable"])
        return self.fix(f"exclude {policy.name}.forward from Dynamo", [edit])
