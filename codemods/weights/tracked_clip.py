from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.imports import import_name
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass


class ClipWithoutGrad(Codemod[PolicyClass]):
    """Writes the same values to the same parameters, where autograd does not look."""

    answers = ("PF303",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        match statement.body if statement is not None else None:
            case [
                cst.Assign(
                    targets=[cst.AssignTarget(target=cst.Attribute() as target)],
                    value=cst.Call(func=made, args=[cst.Arg(keyword=None, star="", value=value)]),
                ) as assign
            ] if tree.code(made).rpartition(".")[2] == "Parameter":
                data = f"{tree.code(target)}.data = {tree.code(value)}"
                return self.fix("write to the parameter that is there", [tree.replace(assign, data)])
        function = tree.find_function(finding.symbol)
        if function is None or "setattr" in (tree.code(statement) if statement is not None else ""):
            return Refusal("the parameter is not replaced by a plain assignment: mend it by hand")
        edits: list[Edit] = []
        known = policy.module.facts.lookup("torch")
        name = "torch.no_grad"
        if not isinstance(known, ir.Imported) or known.module != "torch" or known.attribute is not None:
            imported = import_name(tree, "torch", "no_grad")
            if isinstance(imported, Refusal):
                return imported
            edits, name = [] if imported is None else [imported], "no_grad"
        edits.append(tree.insert_before(function, [f"@{name}()"]))
        return self.fix(f"run {function.name.value} without autograd", edits)
