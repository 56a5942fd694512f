from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class RegisterBuffer(Codemod[PolicyClass]):
    """Keeps a constant tensor as a buffer, which moves with the module; checkpoints stay as they are."""

    answers = ("PF704",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        owner, _, function = finding.symbol.rpartition(".")
        cls = tree.find_class(owner)
        if statement is None or cls is None or function != "__init__":
            return Refusal("the tensor is not set in a constructor: register it as a buffer by hand")
        found = tree.base_call(cls)
        if isinstance(found, Refusal):
            return found
        if tree.span(found[0]) > tree.span(statement):
            return Refusal("a buffer cannot be registered before super().__init__()")
        match statement.body:
            case [cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)] if isinstance(
                target, cst.Attribute
            ) and not isinstance(value, (cst.List, cst.Tuple, cst.ListComp)):
                receiver, name = tree.code(target.value), target.attr.value
                call = f'{receiver}.register_buffer("{name}", {tree.code(value)}, persistent=False)'
                return self.fix(f"register {name} as a buffer", [tree.replace(statement.body[0], call)])
            case _:
                return Refusal("it is not one tensor in one assignment: register it as a buffer by hand")
