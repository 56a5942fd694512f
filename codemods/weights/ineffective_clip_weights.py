from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.imports import import_name
from policyfix.rule import Finding
from policyfix.subjects import Factory, PolicyClass
from policyfix.subjects.weights import RANGE, clipping


class BoundByConfig(Codemod[PolicyClass | Factory]):
    """Lets an empty `clip_weights` clamp to the clip range that the constructor keeps."""

    answers = ("PF302",)

    def plan(self, finding: Finding, policy: PolicyClass | Factory, tree: SourceTree) -> Plan | Refusal:
        if isinstance(policy, Factory):
            return Refusal("give the policies a clip_weights of their own: PF301 says where one is missing")
        contract = policy.contract
        built = clipping(policy)
        if built is None or built.construction.heap.get(built.instance, contract.clip_range) != RANGE:
            return Refusal(f"its constructor must keep {contract.clip_range} as an attribute first")
        method = tree.find_function(finding.symbol)
        if method is None or method.name.value != contract.clip_method:
            return Refusal("the range is set in a helper: put the config's there by hand")
        if not _is_empty(method):
            return Refusal(
                f"{contract.clip_method} does something of its own: which weights it means to bound"
            )
        imported = import_name(tree, "policyfix.runtime", "clip_weights")
        if isinstance(imported, Refusal):
            return imported
        receiver = method.params.params[0].name.value
        line = f"clip_weights({receiver}, {receiver}.{contract.clip_range})"
        last = method.body.body[-1]
        is_docstring = len(method.body.body) == 1 and method.get_docstring() is not None
        written: Edit = tree.insert_after(last, [line]) if is_docstring else tree.replace(last, line)
        return self.fix(f"clamp to {contract.clip_range}", [written, *([imported] if imported else [])])


def _is_empty(method: cst.FunctionDef) -> bool:
    """Whether a method's body is `pass`, `...` or `return`, or just a docstring."""
    statements = list(method.body.body)
    if not isinstance(method.body, cst.IndentedBlock):
        return False
    if method.get_docstring() is not None:
        statements = statements[1:]
    return (
        all(
            isinstance(s, cst.SimpleStatementLine)
            and len(s.body) == 1
            and (
                isinstance(s.body[0], cst.Pass)
                or (isinstance(s.body[0], cst.Return) and s.body[0].value is None)
                or (isinstance(s.body[0], cst.Expr) and isinstance(s.body[0].value, cst.Ellipsis))
            )
            for s in statements
        )
        and len(statements) < 2
    )
