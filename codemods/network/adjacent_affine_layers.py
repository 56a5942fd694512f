from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.imports import is_imported
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass


class ActivateBetween(Codemod[PolicyClass]):
    """Puts a ReLU after the first of two affine layers: around its call, or into their `Sequential`."""

    answers = ("PF506",)
    tier = Tier.UNSAFE

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        call = tree.call_at(finding.line, finding.column, finding.end_line, finding.end_column)
        if call is None:
            return Refusal("the call of the first layer is not found: put an activation after it by hand")
        if not tree.code(call.func).startswith("self."):
            return self._in_sequential(call, tree)
        if not is_imported(tree, "torch"):
            return Refusal(
                "the file does not import torch by name: put an activation after the layer by hand"
            )
        start, end = tree.span(call)
        edits = [Edit(start, start, "torch.relu("), Edit(end, end, ")")]
        return self.fix(f"put a ReLU after {tree.code(call.func)}", edits)

    def _in_sequential(self, layer: cst.Call, tree: SourceTree) -> Plan | Refusal:
        start, end = tree.span(layer)
        for node in tree.calls():
            name, _, kind = tree.code(node.func).rpartition(".")
            for argument in node.args if kind == "Sequential" and name else ():
                first, last = tree.span(argument.value)
                if first <= start and end <= last:
                    edit = Edit(last, last, f", {name}.ReLU()")
                    return self.fix("put a ReLU between the layers of the Sequential", [edit])
        return Refusal("the layers are not written in one Sequential: put an activation between them by hand")
