from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.imports import import_name
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class TakeConfigParameters(Codemod[PolicyClass]):
    """Lets a constructor take the whole config: the contract's parameters, which it keeps as attributes, and
    everything else, which it names in a warning."""

    answers = ("PF401",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls = tree.find_class(policy.name)
        if cls is None:
            return Refusal(f"{policy.name} is not found in {tree.source.path}")
        found = tree.base_call(cls)
        if isinstance(found, Refusal):
            return found
        constructor, facts = tree.find_method(cls, "__init__"), policy.cls.facts.function("__init__")
        assert constructor is not None
        assert facts is not None
        missing = [(n, d) for n, d in policy.contract.parameters if policy.takes(n) is False]
        new = [f"{name}={default!r}" for name, default in missing]
        lines = [f"self.{name} = {name}" for name, _ in missing]
        edits: list[Edit] = []
        spread = facts.parameter("**")
        if spread is None and any(p.name == "kwargs" for p in facts.parameters):
            return Refusal("its constructor has a parameter called kwargs that is not **kwargs")
        if spread is None or not _is_read(spread.name, facts):
            imported = import_name(tree, "policyfix.runtime", "warn_unknown_config")
            if isinstance(imported, Refusal):
                return imported
            edits += [] if imported is None else [imported]
            new += ["**kwargs"] if spread is None else []
            lines.append(f"warn_unknown_config(self, {'kwargs' if spread is None else spread.name})")
        edits += tree.add_parameters(constructor, new)
        edits.append(tree.insert_after(found[0], lines))
        names = ", ".join(name for name, _ in missing)
        return self.fix(f"take {names} in the constructor of {policy.name}", edits)


def _is_read(spread: str, constructor: ir.FunctionFacts) -> bool:
    """Whether a constructor's body looks at its `**kwargs` or hands them on."""
    return ir.Name(spread) in constructor.nodes
