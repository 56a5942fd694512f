from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.imports import is_imported
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass


class ScaleActionEmbeddings(Codemod[PolicyClass]):
    """Initialises action embeddings that nothing else initialises: orthogonal, then scaled to at most 0.1."""

    answers = ("PF505",)
    tier = Tier.UNSAFE

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        call = tree.call_at(finding.line, finding.column, finding.end_line, finding.end_column)
        statement = tree.statement_at(finding.line, finding.column)
        made = statement.body[0] if statement is not None and len(statement.body) == 1 else None
        if statement is None or not isinstance(made, cst.Assign) or made.value is not call:
            return Refusal(
                "the embeddings are not made by an assignment of their own: initialise them by hand"
            )
        target = tree.code(made.targets[0].target)
        if len(made.targets) != 1 or not target.startswith("self."):
            return Refusal("the embeddings are not kept in one attribute: initialise them by hand")
        if "keep" not in finding.message:
            return Refusal("the embeddings are initialised elsewhere: scale them there")
        if not is_imported(tree, "torch"):
            return Refusal("the file does not import torch by name: initialise the embeddings by hand")
        weight = f"{target}.weight"
        lines = [
            f"torch.nn.init.orthogonal_({weight})",
            "with torch.no_grad():",
            f"{tree.indent}{weight}.mul_(0.1 / {weight}.abs().max())",
        ]
        return self.fix(f"initialise {target}", [tree.insert_after(statement, lines)])
