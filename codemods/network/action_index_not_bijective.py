from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.facts import ir
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass


class AddActionType(Codemod[PolicyClass]):
    """Adds the action type to `table[type] + argument`."""

    answers = ("PF503",)
    tier = Tier.UNSAFE

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        if "need" not in finding.message:
            return Refusal("the table cumulates counts: take the type out by hand")
        found = policy.cls.find(policy.contract.to_index)
        node = tree.find_function(finding.symbol)
        if found is None or node is None:
            return Refusal(f"{finding.symbol} is not found in {tree.source.path}")
        last = node.body.body[-1]
        returned = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else None
        if not isinstance(returned, cst.Return) or returned.value is None:
            return Refusal("its last statement does not return a sum")
        function = found[0]
        text = f"{_type_expression(function)} + {tree.code(returned.value)}"
        return self.fix("add the action type to its index", [tree.replace(returned.value, text)])


def _type_expression(function: ir.FunctionFacts) -> str:
    """The name that holds the action types in the method, else the column itself."""
    parameter = function.parameters[1].name
    for statement in function.body:
        if isinstance(statement, ir.Assign) and isinstance(statement.targets[0], ir.Name):
            value = statement.value
            while isinstance(value, ir.Call) and isinstance(value.function, ir.Attribute):
                value = value.function.value
            if (
                isinstance(value, ir.Subscript)
                and value.value == ir.Name(parameter)
                and value.items[-1] == ir.Literal(0)
            ):
                return statement.targets[0].id
    return f"{parameter}[:, 0].long()"
