from __future__ import annotations

from policyfix.codemod import Codemod, Plan, log_probs_name
from policyfix.edits import Edit, Refusal, SourceTree, entry_of
from policyfix.rule import Finding
from policyfix.subjects import Mode, PolicyClass
from policyfix.trace import KeyWrite


class WriteDistribution(Codemod[PolicyClass]):
    """Writes the entropy, or all log-probabilities, beside the log-probability that was taken from them."""

    answers = ("PF104",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        edits: dict[Edit, None] = {}
        titles: dict[str, None] = {}
        for mode in policy.modes:
            missing = [key for key in mode.outputs if policy.writes(key, mode.trace) is False]
            if missing:
                edit = self._edit(policy, mode, missing, finding, tree)
                if isinstance(edit, Refusal):
                    return edit
                edits[edit] = None
                titles |= dict.fromkeys(missing)
        return self.fix(f"write {' and '.join(titles)}", edits)

    @staticmethod
    def _edit(
        policy: PolicyClass, mode: Mode, missing: list[str], finding: Finding, tree: SourceTree
    ) -> Edit | Refusal:
        contract = policy.contract
        writes = [w for w in mode.trace.of(KeyWrite) if w.key == contract.log_prob_key]
        function = writes[0].place.function if writes else None
        if len(writes) != 1 or function is None or writes[0].place.path != finding.subject_path:
            return Refusal(f"there is no one place in this file that writes td[{contract.log_prob_key!r}]")
        others = [key for key in missing if key not in (contract.entropy_key, contract.log_probs_key)]
        if others:
            return Refusal(f"what {others[0]} should be cannot be told from what is written")
        batch = mode.trace.shapes.of(writes[0].tensordict)
        if batch is None or batch.rank != 1:
            return Refusal("the TensorDict is not flattened where the outputs are written")
        name = log_probs_name(function, writes[0].value)
        span = writes[0].place.span
        statement = tree.statement_at(span.line, span.column)
        entry = None if statement is None else entry_of(statement)
        if statement is None or entry is None or name is None:
            return Refusal("the log-probabilities of all actions have no name there")
        quote, td = entry.key.value[-1], tree.code(entry.tensordict)
        values = {
            contract.entropy_key: f"-({name}.exp() * {name}).sum(dim=-1)",
            contract.log_probs_key: name,
        }
        return tree.insert_after(statement, [f"{td}[{quote}{key}{quote}] = {values[key]}" for key in missing])
