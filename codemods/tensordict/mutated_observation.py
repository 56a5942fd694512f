from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.facts import ir
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.values import VIEWS


class CloneBeforeWriting(Codemod[PolicyClass]):
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
        others = _aliases(function, name, finding.line) - {name}
        later = {
            node.id
            for statement in function.nodes
            if getattr(getattr(statement, "span", None), "line", 0) > finding.line
            for node in ir.nodes(statement)
            if isinstance(node, ir.Name)
        }
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


def _aliases(function: ir.FunctionFacts, name: str, line: int) -> set[str]:
    """Names that may stand for the same tensor where a line is reached: assigned from one another, views
    included. In a loop what stands below comes before, too."""
    nodes = list(function.nodes)
    repeated = any(isinstance(n, ir.Loop) and n.span.line < line <= n.span.end_line for n in nodes)
    links = [
        {source, *(t.id for t in node.targets if isinstance(t, ir.Name))}
        for node in nodes
        if isinstance(node, ir.Assign)
        and (repeated or node.span.line < line)
        and (source := _root(node.value)) is not None
    ]
    group: set[str] = set()
    grown = {name}
    while grown != group:
        group = grown
        grown = group.union(*(link for link in links if len(link) > 1 and link & group))
    return group


def _root(value: ir.Expr) -> str | None:
    """The name that an expression is a view of: `x`, `x.view(...)`, `x[..., 0]`."""
    while True:
        match value:
            case ir.Name(id=name):
                return name
            case ir.Call(function=ir.Attribute(value=inner, name=method)) if method in VIEWS:
                value = inner
            case ir.Subscript(items=(ir.Literal(value=str()),)):
                return None  # an entry of a TensorDict is another thing than the TensorDict
            case ir.Subscript(value=inner):
                value = inner
            case _:
                return None
