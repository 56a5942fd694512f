from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.imports import is_imported
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass


class ZeroPaddingRow(Codemod[PolicyClass]):
    """Sets the padding row back to zero after the weight was drawn."""

    answers = ("PF513",)
    tier = Tier.UNSAFE

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        drawn = statement.body[0] if statement is not None and len(statement.body) == 1 else None
        call = drawn.value if isinstance(drawn, cst.Expr) else None
        if statement is None or not isinstance(call, cst.Call) or not call.args:
            return Refusal("the weight is not drawn by a statement of its own: zero the row by hand")
        weight = call.args[0].value
        if not (isinstance(weight, cst.Attribute) and weight.attr.value == "weight"):
            return Refusal("the weight is not drawn by its name: zero the row by hand")
        if not is_imported(tree, "torch"):
            return Refusal("the file does not import torch by name: zero the row by hand")
        table = tree.code(weight.value)
        lines = [
            "with torch.no_grad():",
            f"{tree.indent}{table}.weight[{table}.padding_idx].zero_()",
        ]
        return self.fix(f"zero the padding row of {table}", [tree.insert_after(statement, lines)])
