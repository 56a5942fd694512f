from __future__ import annotations

from policyfix.codemod import Codemod, Plan, stands_at
from policyfix.edits import Refusal, SourceTree, entry_of
from policyfix.facts import ir
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.subjects.layout import misfits
from policyfix.trace import KeyWrite


class RenameOutput(Codemod[PolicyClass]):
    """Writes an output under the name that the trainer reads in that mode."""

    answers = ("PF105",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        entry = None if statement is None else entry_of(statement)
        if entry is None:
            return Refusal("the output is not written by a statement of its own: rename its key by hand")
        written = str(entry.key.evaluated_value)
        own = {a: b for pair in policy.contract.spellings for a, b in (pair, pair[::-1])}.get(written)
        if own is None:
            return Refusal(f'"{written}" has no other name')
        writes = [w for w in policy.training.of(KeyWrite) if w.key == written and stands_at(w.place, finding)]
        if writes and all(misfits(write, policy.training.shapes) for write in writes):
            return Refusal("in training its size is not that of the batch: give it [B, T] first")
        modes = [
            mode
            for mode in policy.modes
            if any(w.key == written and stands_at(w.place, finding) for w in mode.trace.of(KeyWrite))
        ]
        quote = entry.key.value[-1]
        names = [f"{quote}{name}{quote}" for name in (own, written)]
        if len(modes) < 2:
            return self.fix(f"write td[{names[0]}]", [tree.replace(entry.key, names[0])])
        action = _action_in(policy, finding)
        if action is None:
            return Refusal(
                "both modes share this statement, and it does not see the actions: split it by hand"
            )
        rollout, training = next(pair for pair in policy.contract.spellings if written in pair)
        chosen = f"{quote}{rollout}{quote} if {action} is None else {quote}{training}{quote}"
        return self.fix("name the output by mode", [tree.replace(entry.key, chosen)])


def _action_in(policy: PolicyClass, finding: Finding) -> str | None:
    """The name of forward's actions, where the finding stands in forward and nothing assigns that name."""
    assert policy.forward is not None
    function, owner = policy.forward
    if finding.symbol != function.qualname or owner.module.path != finding.subject_path:
        return None
    assigned = {
        target.id
        for node in function.nodes
        if isinstance(node, ir.Assign)
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    return None if policy.actions_name in assigned else policy.actions_name
