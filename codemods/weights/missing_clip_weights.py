from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.imports import import_name
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class AddClipWeights(Codemod[PolicyClass]):
    """Adds a `clip_weights` that bounds the weights by the constructor's `clip_range`."""

    answers = ("PF301",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        contract = policy.contract
        kept = any(
            s.thing is policy.instance and s.attribute == contract.clip_range for s in policy.construction
        )
        cls = tree.find_class(policy.name)
        if cls is None:
            return Refusal(f"{policy.name} is not found in {tree.source.path}")
        if not kept and policy.takes(contract.clip_range) is False:
            return Refusal(f"its constructor must take {contract.clip_range} first: that is PF401")
        if not kept:
            return Refusal(f"its constructor does not keep {contract.clip_range} as an attribute")
        inner = tree.indent
        method = tree.add_method(
            cls,
            [
                f"def {contract.clip_method}(self):",
                f'{inner}"""Clamps linear and convolutional weights to ±{contract.clip_range}; 0 is off."""',
                f"{inner}clip_weights(self, self.{contract.clip_range})",
            ],
        )
        imported = import_name(tree, "policyfix.runtime", "clip_weights")
        if isinstance(imported, Refusal):
            return imported
        if isinstance(method, Refusal):
            return method
        edits = [method] if imported is None else [imported, method]
        return self.fix(f"add {policy.name}.{contract.clip_method}", edits)
