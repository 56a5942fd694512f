from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan, Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class TakeConfigParameters(Codemod):
    """Adds the contract's parameters to a constructor, which keeps them as attributes."""

    answers = ("PF401",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls = tree.find_class(policy.name)
        constructor = None if cls is None else tree.find_method(cls, "__init__")
        if constructor is None:
            return Refusal(f"{policy.name} has no constructor of its own")
        calls = [s for s in constructor.body.body if _is_super(s)]
        if len(calls) != 1:
            return Refusal("its constructor does not call super().__init__(...) in a statement of its own")
        missing = [(n, d) for n, d in policy.contract.parameters if policy.takes(n) is False]
        edits = tree.add_parameters(constructor, [f"{name}={default!r}" for name, default in missing])
        edits.append(tree.insert_after(calls[0], [f"self.{name} = {name}" for name, _ in missing]))
        names = ", ".join(name for name, _ in missing)
        return self.fix(f"take {names} in the constructor of {policy.name}", edits)


def _is_super(statement: cst.CSTNode) -> bool:
    """Whether a statement calls the base constructor and does nothing else."""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return False
    node = statement.body[0]
    if not isinstance(node, cst.Expr) or not isinstance(node.value, cst.Call):
        return False
    return cst.Module([]).code_for_node(node.value.func) == "super().__init__"
