"""The vocabulary that codemods are written in: plans, refusals, and the codemods that make them.

A codemod answers a finding with edits of source text; what no edit covers stays as it is, byte for byte.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.finding import Finding, Fix, Tier
from policyfix.record import record
from policyfix.rule import discover as rules
from policyfix.rule import modules_of
from policyfix.subjects import Subject
from policyfix.trace import Place
from policyfix.values import NONE, Const, Term, Value, options, walk

__all__ = [
    "LOG_SOFTMAX",
    "Codemod",
    "Plan",
    "Refusal",
    "SourceTree",
    "discover",
    "log_probs_name",
    "plan",
    "stands_at",
    "starts_afresh",
]

PACKAGE = "policyfix.codemods"
ENTRY_POINTS = "policyfix.codemods"  # packages of third-party codemods

S = TypeVar("S", bound=Subject)


@record()
class Plan:
    """What a codemod would do about a finding. Of plans that touch each other the lower `priority` wins."""

    fix: Fix
    edits: tuple[Edit, ...]
    priority: int = 10


class Codemod(ABC, Generic[S]):
    """One rewrite. It names the rules that it answers by code."""

    answers: ClassVar[tuple[str, ...]]
    tier: ClassVar[Tier] = Tier.SAFE
    # Where several codemods answer a rule, the lower one is asked first, and its edits win.
    priority: ClassVar[int] = 10

    @abstractmethod
    def plan(self, finding: Finding, subject: S, tree: SourceTree, /) -> Plan | Refusal:
        """The edits that satisfy the rule, or why there are none."""

    def fix(self, title: str, edits: Iterable[Edit]) -> Plan:
        return Plan(Fix(self.tier, title), tuple(sorted(edits)), self.priority)


@cache
def discover() -> tuple[Codemod[Any], ...]:
    """Every codemod, ours and those of installed packages, in the order in which they are asked."""
    found = [
        value()
        for module in modules_of(PACKAGE, ENTRY_POINTS)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Codemod) and value.__module__ == module.__name__
    ]
    return tuple(sorted(found, key=lambda c: (c.priority, c.answers)))


def plan(finding: Finding, subject: Subject, tree: SourceTree) -> Plan | Refusal:
    """The first plan that a codemod has for a finding; else all their reasons."""
    finding = finding.renamed(str(Path(finding.path).absolute()))  # the places in a subject are
    reasons = []
    for codemod in discover():
        if finding.code in codemod.answers:
            outcome = codemod.plan(finding, subject, tree)
            if isinstance(outcome, Plan):
                return outcome
            reasons.append(outcome.reason)
    return Refusal("; ".join(reasons) or _no_fix(finding.code))


def stands_at(place: Place, finding: Finding) -> bool:
    """Whether something was done by the code that a finding is about."""
    where = place.path, place.symbol, place.span.line, place.span.column
    return where == (finding.path, finding.symbol, finding.line, finding.column)


@cache
def _no_fix(code: str) -> str:
    """Why no codemod answers a rule: what its page says."""
    page = next((each.page() for each in rules() if each.code == code), "")
    said = " ".join(page.partition("## Fix safety")[2].partition("## ")[0].split())
    return (
        said.removeprefix("None: ").rstrip(".") if said.startswith("None: ") else f"no fix exists for {code}"
    )


LOG_SOFTMAX = frozenset({"torch.nn.functional.log_softmax", "torch.log_softmax", "log_softmax"})


def log_probs_name(function: ir.FunctionFacts, value: Value) -> str | None:
    """The one name in a function for a log-softmax, where a value was made from just one."""
    made = {part for part in walk(value) if isinstance(part, Term) and part.op in LOG_SOFTMAX}
    named = [
        target.id
        for node in function.nodes
        if isinstance(node, ir.Assign) and len(node.targets) == 1
        for target in node.targets
        if isinstance(target, ir.Name) and _ends_in_log_softmax(node.value)
    ]
    return named[0] if len(made) == len(named) == 1 else None


def _ends_in_log_softmax(value: ir.Expr) -> bool:
    called = value.function if isinstance(value, ir.Call) else None
    return isinstance(called, ir.Attribute) and called.name == "log_softmax"


def starts_afresh(state: Value) -> bool:
    """Whether a recurrent core is given None as its state, or one that the caller of forward brings as its
    `state` argument; no state of the policy's own."""
    brought = [o for o in options(state) if o != NONE]
    return len(brought) < len(list(options(state))) and all(
        any(isinstance(part, Term) and part.args == (Const("state"),) for part in walk(option))
        and not any(isinstance(part, Term) and part.op in ("core", "earlier") for part in walk(option))
        for option in brought
    )
