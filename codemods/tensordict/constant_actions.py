from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree, entry_of
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.subjects.dependence import NETWORKS, goes_back_to
from policyfix.trace import KeyWrite
from policyfix.values import Const, Term, Value, options, walk

_SHAPED_LIKE = frozenset({"zeros_like", "ones_like", "empty_like", "full_like", "randint_like"})
_PAIRING = frozenset({"torch.stack", "stack", "torch.cat"})
_CASTING = frozenset({"to", "int", "long"})


class WriteSampledActions(Codemod[PolicyClass]):
    """Writes the sampled actions, where only their shape was used."""

    answers = ("PF108",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        entry = None if statement is None else entry_of(statement)
        if statement is None or entry is None or not isinstance(entry.value, cst.Call):
            return Refusal("the actions are not written by a statement of its own")
        name = _shape_lender(entry.value, tree)
        writes = [w for w in policy.rollout.of(KeyWrite) if w.key == policy.contract.actions_key]
        if name is None or len(writes) != 1:
            return Refusal(
                "no sampled actions lend their shape to what is written: sample and write them by hand"
            )
        sampled = _lent(writes[0].value)
        if not sampled or not all(_is_computed(tensor, policy) for tensor in sampled):
            return Refusal(f"{name} does not hold actions that were sampled from the logits")
        text = _as_pairs(name, sampled, policy)
        if text is None:
            return Refusal(f"{name} may hold joint indices, and the class cannot convert them")
        return self.fix(f"write the sampled {name}", [tree.replace(entry.value, text)])


def _shape_lender(call: cst.Call, tree: SourceTree) -> str | None:
    """`x`, for `torch.zeros(x.shape)` and `torch.zeros_like(x)`."""
    if not call.args or call.args[0].keyword is not None:
        return None
    function = tree.code(call.func).rpartition(".")[2]
    match call.args[0].value:
        case cst.Name(value=name) if function in _SHAPED_LIKE:
            return name
        case cst.Attribute(value=cst.Name(value=name), attr=cst.Name(value="shape")):
            return name
    return None


def _lent(value: Value) -> list[Value]:
    """The tensors, one a path, whose shape the written one has; none where that is not known."""
    if not isinstance(value, Term) or not value.args:
        return []
    first = list(options(value.args[0]))
    if value.op.rpartition(".")[2] in _SHAPED_LIKE:
        return first
    lenders = [shape.args[0] for shape in first if isinstance(shape, Term) and shape.op == ".shape"]
    return lenders if len(lenders) == len(first) else []


def _is_computed(tensor: Value, policy: PolicyClass) -> bool:
    made_of = goes_back_to(tensor, policy.rollout)
    return any(isinstance(part, Term) and part.op in NETWORKS for part in made_of)


def _as_pairs(name: str, sampled: list[Value], policy: PolicyClass) -> str | None:
    """The expression that makes (type, argument) pairs, int32, of the sampled actions."""
    tables = {Const(table) for table, role in policy.contract.tables if role == "pairs"}
    if all(_is_pairs(option, tables) for tensor in sampled for option in options(_uncast(tensor))):
        whole = all(isinstance(tensor, Term) and tensor.op in _CASTING for tensor in sampled)
        return name if whole else f"{name}.int()"
    convert = policy.contract.from_index
    return f"self.{convert}({name}.reshape(-1)).int()" if policy.cls.find(convert) is not None else None


def _is_pairs(value: Value, tables: set[Const]) -> bool:
    """Whether two columns were put together, or rows of the contract's table of pairs looked up."""
    if isinstance(value, Term) and value.op in _PAIRING:
        return True
    looked_up = (p for p in walk(value) if isinstance(p, Term) and p.op == "attribute")
    return any(part.args[1] in tables for part in looked_up)


def _uncast(value: Value) -> Value:
    while isinstance(value, Term) and value.op in _CASTING and value.args:
        value = value.args[0]
    return value
