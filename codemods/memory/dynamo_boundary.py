from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.project import External
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class ExcludeFromDynamo(Codemod[PolicyClass]):
    """Keeps a stateful forward, or the part of it that is the class's own, out of the compiler's graphs."""

    answers = ("PF207",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls, name = tree.find_class(policy.name), finding.symbol.rpartition(".")[2]
        method = None if cls is None else tree.find_method(cls, name)
        if method is None or finding.symbol != f"{policy.name}.{name}":
            return Refusal(f"its {name} stands in a base class")
        if method.decorators:
            return Refusal(f"its {name} is decorated already: put @torch._dynamo.disable where it belongs")
        if policy.module.member("torch") != External("torch"):
            return Refusal("the file does not import torch by that name")
        edit = tree.insert_before(method, ["@torch._dynamo.disable"])
        return self.fix(f"exclude {policy.name}.{name} from Dynamo", [edit])
