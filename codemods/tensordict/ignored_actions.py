from __future__ import annotations

from policyfix.codemod import Codemod, Plan, log_probs_name
from policyfix.edits import Refusal, SourceTree, entry_of
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.trace import KeyWrite


class EvaluateGivenActions(Codemod[PolicyClass]):
    """Looks the log-probability up at the joint index of the given actions."""

    answers = ("PF107",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        assert policy.forward is not None
        contract, (function, _) = policy.contract, policy.forward
        convert = contract.to_index
        if policy.cls.find(convert) is None:
            return Refusal(f"{policy.name} has no {convert}, which gives the joint index of the actions")
        if finding.symbol != function.qualname:
            return Refusal(f"{finding.symbol} does not see the actions: hand them over")
        statement = tree.statement_at(finding.line, finding.column)
        entry = None if statement is None else entry_of(statement)
        if entry is None:
            return Refusal("the log-probability is not written by a statement of its own")
        if any(
            w.key == contract.log_prob_key and w.place.span.line == finding.line
            for w in policy.rollout.of(KeyWrite)
        ):
            return Refusal("a rollout runs the same statement: give each mode its own")
        (write, *others) = [w for w in policy.training.of(KeyWrite) if w.key == contract.log_prob_key]
        name = log_probs_name(function, write.value)
        if name is None or others:
            return Refusal("the log-probabilities of all actions have no name in forward")
        action = policy.actions_name
        index = f"self.{convert}({action}.reshape(-1, {action}.shape[-1]))"
        text = f"{name}.gather(-1, {index}.long().unsqueeze(-1)).squeeze(-1)"
        return self.fix("evaluate the given actions", [tree.replace(entry.value, text)])
