from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass
from policyfix.trace import Escape, InPlace, Trace
from policyfix.values import Term, Value, storage, walk

# Operations whose arguments after the first are positions, and those that give another type first.
_POSITIONS = frozenset(
    "index gather scatter scatter_add index_select index_add one_hot embedding take".split()
)
_CONVERTING = frozenset("long int to short byte bool float".split())


class DivideFloats(Codemod[PolicyClass]):
    """Makes a tensor of integers one of floats before a quotient is written into it."""

    answers = ("PF509",)
    tier = Tier.UNSAFE

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        name = None if statement is None else _written(statement)
        if statement is None or name is None:
            return Refusal("the quotient is not written into a tensor by its name: convert it by hand")
        for trace in policy.traces:
            for write in trace.of(InPlace):
                if (write.place.path, write.place.span.line) == (finding.path, finding.line):
                    reason = _needs_integers(write, trace, policy)
                    if reason is not None:
                        return Refusal(f"{reason}: convert a copy for the quotient by hand")
        return self.fix(
            f"make {name} a tensor of floats first",
            [tree.insert_before(statement, [f"{name} = {name}.float()"])],
        )


def _written(statement: cst.SimpleStatementLine) -> str | None:
    """The name of the tensor that `name[...] = value` writes into."""
    match statement.body:
        case [cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript(value=cst.Name(value=name)))])]:
            return name
    return None


def _needs_integers(write: InPlace, trace: Trace, policy: PolicyClass) -> str | None:
    """Why what comes after a write needs the tensor as it is, if it does or may."""
    tensor = write.target
    for event in trace.events:
        if event.order > write.order and isinstance(event, Escape) and _reaches(event.value, tensor):
            return "something unknown is given the tensor"
    for term in policy.forward_terms:
        if term.order < write.order:
            continue
        if any(_shares(part, tensor, write.order) for part in term.args):
            return "a tensor that shares its storage is used after"
        if any(_reaches(position, tensor) for position in _positions(term)):
            return "its entries are positions later"
    return None


def _positions(term: Term) -> tuple[Value, ...]:
    """What an operation takes as indices."""
    if term.op.removeprefix("torch.nn.functional.").removeprefix("torch.").rstrip("_") in _POSITIONS:
        return term.args if term.op.endswith(("one_hot", "embedding")) else term.args[1:]
    held = term.args[0] if term.op == "module" and term.args else None
    embeds = isinstance(held, Term) and held.op == "new:torch.nn.Embedding"
    return term.args[1:] if embeds else ()


def _reaches(value: Value, tensor: Value) -> bool:
    """Whether a value is made of a tensor without another type on the way."""
    return tensor in walk(value, lambda term: term.op not in _CONVERTING)


def _shares(value: Value, tensor: Value, order: int) -> bool:
    """Whether a value that was there before is a view of a tensor, or the tensor one of it: a write into
    one of them shows in the other, but not in a converted copy."""
    if not isinstance(value, Term) or value is tensor or value.order >= order:
        return False
    return tensor in storage(value) or value in storage(tensor)
