from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.rule import Finding, Tier
from policyfix.subjects import AgentConfig, PolicyClass


class LetGradientThrough(Codemod[PolicyClass | AgentConfig]):
    """Reads the weights with their graph: without the `.data` or `.detach()` left of a minus sign."""

    answers = ("PF305",)
    tier = Tier.UNSAFE

    def plan(self, finding: Finding, subject: PolicyClass | AgentConfig, tree: SourceTree) -> Plan | Refusal:
        function = tree.find_function(finding.symbol)
        if function is None or function.decorators:
            return Refusal("the loss is computed elsewhere: let the gradient through by hand")
        finder = _Differences()
        function.visit(finder)
        edits: list[Edit] = []
        for operand in finder.lefts:
            inner = _cut(operand)
            if inner is not None:
                edits.append(tree.replace(operand, tree.code(inner)))
        if not edits:
            return Refusal("no weight is detached in a difference there: let the gradient through by hand")
        if finder.fetches:
            return Refusal("the loss is fetched as a number of Python: let the gradient through by hand")
        return self.fix("let the gradient through to the weights", edits)


class _Differences(cst.CSTVisitor):
    """The left sides of subtractions, and whether anything is fetched from a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.lefts: list[cst.BaseExpression] = []
        self.fetches = False

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> None:  # noqa: N802
        if isinstance(node.operator, cst.Subtract):
            self.lefts.append(node.left)

    def visit_Attribute(self, node: cst.Attribute) -> None:  # noqa: N802
        self.fetches = self.fetches or node.attr.value in ("item", "tolist", "numpy")


def _cut(value: cst.BaseExpression) -> cst.BaseExpression | None:
    """`w` of `w.data` and of `w.detach()`."""
    match value:
        case cst.Attribute(value=inner, attr=cst.Name(value="data")):
            return inner
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="detach")), args=[]):
            return inner
        case _:
            return None
