from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from policyfix.codemod import Codemod, Plan, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.values import VIEWS


class CloneBeforeWriting(Codemod):
    """Writes to a copy: `x = x.clone()` before the in-place write."""

    answers = ("PF106",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        statement = tree.statement_at(finding.line, finding.column)
        name = None if statement is None else _written_name(statement)
        if statement is None or name is None:
            return Refusal("what is overwritten is not a plain name: clone it by hand before the write")
        function = _enclosing(policy, finding)
        if function is None:
            return Refusal("the function around the write is not known")
        others = _aliases(function, name) - {name}
        later = {n for s in _after(function.body, finding.line) for n in _names(s)}
        if others & later:
            other = sorted(others & later)[0]
            return Refusal(f"{other} is another name for the same tensor and is read afterwards")
        edit = tree.insert_before(statement, [f"{name} = {name}.clone()"])
        return self.fix(f"clone {name} before writing to it", [edit])


def _written_name(statement: cst.SimpleStatementLine) -> str | None:
    """`x`, for `x[...] = v`, `x.fill_(v)` and `x += v`."""
    if len(statement.body) != 1:
        return None
    node: cst.CSTNode = statement.body[0]
    if isinstance(node, cst.Assign) and len(node.targets) == 1:
        target = node.targets[0].target
        node = target.value if isinstance(target, cst.Subscript) else target
    elif isinstance(node, cst.AugAssign):
        node = node.target.value if isinstance(node.target, cst.Subscript) else node.target
    elif isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
        function = node.value.func
        node = function.value if isinstance(function, cst.Attribute) else function
    return node.value if isinstance(node, cst.Name) else None


def _enclosing(policy: PolicyClass, finding: Finding) -> ir.FunctionFacts | None:
    """The function that the finding stands in, wherever it is defined."""
    for trace in policy.traces:
        for event in trace.events:
            if event.place.symbol == finding.symbol and event.place.span.line == finding.line:
                return event.place.function
    return None


def _aliases(function: ir.FunctionFacts, name: str) -> set[str]:
    """Names that may stand for the same tensor: assigned from one another, views included."""
    group = {name}
    assigns = [s for s in _all(function.body) if isinstance(s, ir.Assign)]
    for _ in assigns:
        for assign in assigns:
            targets = {t.id for t in assign.targets if isinstance(t, ir.Name)}
            source = _root(assign.value)
            if source is not None and targets and (group & targets or source in group):
                group |= targets | {source}
    return group


def _root(value: ir.Expr) -> str | None:
    """The name that an expression is a view of: `x`, `x.view(...)`, `x[..., 0]`."""
    while True:
        match value:
            case ir.Name(id=name):
                return name
            case ir.Call(function=ir.Attribute(value=inner, name=method)) if method in VIEWS:
                value = inner
            case ir.Subscript(value=inner):
                value = inner
            case _:
                return None


def _all(body: tuple[ir.Stmt, ...]) -> Iterator[ir.Stmt]:
    todo = list(body)
    while todo:
        statement = todo.pop(0)
        yield statement
        for field in ("body", "orelse", "final"):
            todo += getattr(statement, field, ())
        for blocks in (getattr(statement, "handlers", ()), getattr(statement, "cases", ())):
            todo += [s for block in blocks for s in block]


def _after(body: tuple[ir.Stmt, ...], line: int) -> Iterator[ir.Stmt]:
    for statement in _all(body):
        span = getattr(statement, "span", None)
        if span is not None and span.line > line:
            yield statement


def _names(node: object) -> Iterator[str]:
    if isinstance(node, ir.Name):
        yield node.id
    elif isinstance(node, tuple):
        for part in node:
            yield from _names(part)
    elif hasattr(node, "__dataclass_fields__"):
        for field in node.__dataclass_fields__:
            yield from _names(getattr(node, field))
