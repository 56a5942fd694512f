from __future__ import annotations

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
        return self.fix("do not overwrite the padding", tree.delete([statement]))
