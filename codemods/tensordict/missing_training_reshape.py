from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.facts import ir
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass

NAMES = ("batch_size", "given_batch_size")


class ReturnGivenBatchSize(Codemod[PolicyClass]):
    """Returns the TensorDict with the batch size that it came with: a rollout's is the same anyway."""

    answers = ("PF103",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        if "gets a TensorDict" not in finding.message:
            return Refusal("the outputs do not end up in the TensorDict of the minibatch: flatten it by hand")
        assert policy.forward is not None
        function = policy.forward[0]
        node = tree.find_function(function.qualname)
        if finding.symbol != function.qualname or node is None:
            return Refusal(f"the TensorDict gets its sizes in {finding.symbol}, not in forward")
        taken = {n.id for n in function.nodes if isinstance(n, ir.Name)}
        name = next((name for name in NAMES if name not in taken), None)
        if name is None:
            return Refusal(f"{function.qualname} has a {NAMES[-1]} of its own")
        statement = tree.statement_at(finding.line, finding.column)
        value = None if statement is None else _shaped(statement)
        if value is None:
            return Refusal("the TensorDict is not returned by a statement of its own: reshape it by hand")
        text = f"{tree.code(_source(value))}.reshape({name})"
        first = tree.insert_first(node, [f"{name} = {function.parameters[1].name}.batch_size"])
        if isinstance(first, Refusal):
            return first
        return self.fix("return the batch size that came in", [first, tree.replace(value, text)])


def _shaped(statement: cst.SimpleStatementLine) -> cst.BaseExpression | None:
    """What a statement returns or assigns."""
    small = statement.body[0]
    if len(statement.body) != 1 or not isinstance(small, (cst.Return, cst.Assign)):
        return None
    value = small.value
    plain = isinstance(value, cst.Name) or (value is not None and _source(value) is not value)
    return value if plain else None


def _source(value: cst.BaseExpression) -> cst.BaseExpression:
    """What is reshaped, where that is the last thing done."""
    match value:
        case cst.Call(func=cst.Attribute(value=source, attr=cst.Name(value="reshape" | "view"))):
            return source
    return value
