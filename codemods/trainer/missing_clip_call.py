from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import Trainer


class ClipAfterStep(Codemod[Trainer]):
    """Clips the policy's weights right after the step."""

    answers = ("PF602",)

    def plan(self, finding: Finding, trainer: Trainer, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        if statement is None or len(statement.body) != 1:
            return Refusal("the step shares its line with other statements: clip by hand")
        policy = trainer.policy_in(finding.path, finding.symbol)
        if policy is None:
            return Refusal(f"{finding.symbol} does not have the policy at hand: clip by hand")
        call = f"{policy}.{trainer.contract.clip_method}()"
        return self.fix(f"call {call} after the step", [tree.insert_after(statement, [call])])
