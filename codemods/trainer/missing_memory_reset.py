from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import Trainer


class ResetMemory(Codemod[Trainer]):
    """Resets the policy's memory before a minibatch, or before the loop of a rollout."""

    answers = ("PF601",)

    def plan(self, finding: Finding, trainer: Trainer, tree: SourceTree) -> Plan | Refusal:
        statement: cst.CSTNode | None = tree.statement_at(finding.line, finding.column)
        if statement is None:
            return Refusal("the policy is not called in a statement of its own: reset by hand")
        forward = trainer.forward_at(finding.path, finding.line, finding.column)
        policy = trainer.policy_in(finding.path, finding.symbol, forward)
        if policy is None:
            return Refusal(f"{finding.symbol} does not name the policy: reset by hand")
        what = "minibatch"
        if forward is not None and not trainer.is_training(forward):
            what = "rollout"
            loops = tree.loops_around(statement)
            depth = trainer.rollout_depth(forward)
            if not 0 < depth <= len(loops):
                return Refusal("the loop of the rollout is not in the same function: reset by hand")
            statement = loops[-depth]
        call = f"{policy}.{trainer.contract.memory_methods[-1]}()"
        return self.fix(f"call {call} before the {what}", [tree.insert_before(statement, [call])])
