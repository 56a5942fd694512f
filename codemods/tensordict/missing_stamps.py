from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.imports import import_name
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class WriteStamps(Codemod[PolicyClass]):
    """Stamps the TensorDict first thing in forward."""

    answers = ("PF101",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        assert policy.forward is not None
        function, _ = policy.forward
        node = tree.find_function(function.qualname)
        if node is None:
            return Refusal(f"{function.qualname} is not found in {tree.source.path}")
        imported = import_name(tree, "policyfix.runtime", "write_stamps")
        stamped = tree.insert_first(node, [f"write_stamps({function.parameters[1].name})"])
        if isinstance(imported, Refusal):
            return imported
        if isinstance(stamped, Refusal):
            return stamped
        edits = [stamped] if imported is None else [imported, stamped]
        return self.fix(f"stamp the TensorDict in {function.qualname}", edits)
