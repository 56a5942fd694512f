from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class KeepSentinel(Codemod[PolicyClass]):
    """Removes the statement that overwrites the padding: the test after it then finds it."""

    answers = ("PF501",)
    priority = 5  # where the overwriting goes, nothing has to be cloned for it

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        if statement is None or len(statement.body) != 1:
            return Refusal("the overwriting statement shares its line with others")
        function = tree.find_function(finding.symbol)
        if function is None or statement not in function.body.body or len(function.body.body) == 1:
            return Refusal("the overwriting statement stands inside another one: remove it by hand")
        if not _only_overwrites(statement.body[0], tree):
            return Refusal(
                "the statement also makes something that is used later: take the overwriting out by hand"
            )
        return self.fix("do not overwrite the padding", tree.delete([statement]))


def _only_overwrites(statement: cst.BaseSmallStatement, tree: SourceTree) -> bool:
    """Whether nothing is missing without a statement: `x[m] = v`, `x.masked_fill_(m, v)`,
    `x = x.masked_fill(m, v)`, `x = torch.where(m, v, x)`."""
    if isinstance(statement, cst.Expr):
        return True
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return False
    target, value = statement.targets[0].target, statement.value
    if isinstance(target, cst.Subscript):
        return True
    if not isinstance(target, cst.Name) or not isinstance(value, cst.Call):
        return False
    name, called = target.value, tree.code(value.func)
    kept = value.args[-1].value if called == "torch.where" and len(value.args) == 3 else None
    return called == f"{name}.masked_fill" or (isinstance(kept, cst.Name) and kept.value == name)
