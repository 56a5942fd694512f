from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class DetachState(Codemod[PolicyClass]):
    """Detaches a recurrent state where it is kept."""

    answers = ("PF201",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        if not policy.is_contract:
            return Refusal("back-propagation through the state may be meant: detach it by hand if not")
        statement = tree.statement_at(finding.line, finding.column)
        if statement is None or len(statement.body) != 1 or not isinstance(statement.body[0], cst.Assign):
            return Refusal("the state is not kept by a plain assignment: detach it by hand")
        assign = statement.body[0]
        target = assign.targets[0].target
        if len(assign.targets) != 1:
            return Refusal("the state is assigned to several targets at once: detach it by hand")
        attributes = _attributes(target)
        if any(isinstance(t, cst.Subscript) for t in attributes):
            return Refusal("the state is kept in an entry of a container: detach what is put there by hand")
        kept = [tree.code(t) for t in attributes]
        if not kept:
            return Refusal("the state is not kept in an attribute: detach it by hand")
        lines = [
            f"{t} = tuple(s.detach() for s in {t})" if _is_pair(policy, t) else f"{t} = {t}.detach()"
            for t in kept
        ]
        return self.fix(f"detach {', '.join(kept)}", [tree.insert_after(statement, lines)])


def _attributes(target: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Attributes of `self` among the targets of an assignment, their items included."""
    if isinstance(target, (cst.Tuple, cst.List)):
        return [a for e in target.elements for a in _attributes(e.value)]
    root: cst.BaseExpression = target
    while isinstance(root, (cst.Attribute, cst.Subscript)):
        root = root.value
    return [target] if root is not target and isinstance(root, cst.Name) and root.value == "self" else []


def _is_pair(policy: PolicyClass, attribute: str) -> bool:
    """Whether an attribute holds the whole (h, c) of an LSTM."""
    name = attribute.removeprefix("self.")
    return any(policy.holds_pair(store) for store in policy.kept_states if store.attribute == name)
