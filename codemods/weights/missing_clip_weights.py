from __future__ import annotations

from policyfix.codemod import Codemod, Plan, Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class AddClipWeights(Codemod):
    """Adds a `clip_weights` that bounds the weights by the constructor's `clip_range`."""

    answers = ("PF301",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        contract = policy.contract
        kept = any(
            s.thing is policy.instance and s.attribute == contract.clip_range for s in policy.construction
        )
        if not kept and policy.takes(contract.clip_range) is not False:
            return Refusal(
                f"the constructor does not keep {contract.clip_range} as self.{contract.clip_range}"
            )
        cls = tree.find_class(policy.name)
        if cls is None:
            return Refusal(f"{policy.name} is not found in {tree.source.path}")
        inner = tree.indent
        method = tree.add_method(
            cls,
            [
                f"def {contract.clip_method}(self):",
                f'{inner}"""Clamps linear and convolutional weights to ±{contract.clip_range}; 0 is off."""',
                f"{inner}clip_weights(self, self.{contract.clip_range})",
            ],
        )
        imported = tree.import_name("policyfix.runtime", "clip_weights")
        if isinstance(imported, Refusal):
            return imported
        if isinstance(method, Refusal):
            return method
        edits = [method] if imported is None else [imported, method]
        return self.fix(f"add {policy.name}.{contract.clip_method}", edits)
