from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree, entry_of
from policyfix.liveness import leftovers
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass

# Functions whose first argument is the size of what they make.
_SIZED = frozenset({"torch.full", "torch.ones", "torch.zeros"})


class SizeStamps(Codemod[PolicyClass]):
    """Gives a stamp the batch size of the TensorDict that it is written to, whatever that is."""

    answers = ("PF102",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        if "of size" not in finding.message:
            return Refusal("which TensorDict and which number are meant is for you to say")
        statement = tree.statement_at(finding.line, finding.column)
        entry = None if statement is None else entry_of(statement)
        if entry is None or not isinstance(entry.tensordict, cst.Name):
            return Refusal("the stamp is not written by a statement of its own")
        made = entry.value
        if not isinstance(made, cst.Call) or tree.code(made.func) not in _SIZED or not made.args:
            return Refusal("the stamp is not made by torch.full: give it the TensorDict's batch size by hand")
        size = made.args[0]
        if size.keyword is not None or size.star or not isinstance(size.value, (cst.Tuple, cst.List)):
            return Refusal(
                "the size of the stamp is not a tuple: give it the TensorDict's batch size by hand"
            )
        text = f"{entry.tensordict.value}.batch_size"
        function = tree.find_function(finding.symbol)
        unused = () if function is None else leftovers(function, (), [size.value]).statements
        return self.fix(f"size the stamp by {text}", [tree.replace(size, text), *tree.delete(unused)])
