"""Which statements of a function serve nothing but a value that is going to be dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import libcst as cst

# Calls that leave nothing behind but their result, however often they are made.
_METHODS = frozenset(
    "bool clone contiguous cpu cuda detach dim double expand expand_as flatten float get half index_select "
    "int item items keys logical_and logical_not logical_or long masked_fill mul new_zeros numel parameters "
    "permute repeat reshape select size squeeze to transpose type type_as unbind unsqueeze values view "
    "view_as where zeros_like".split()
)
_FUNCTIONS = frozenset(
    "bool dict enumerate float getattr hasattr int isinstance len list max min next range tuple zip".split()
)
# Methods that overwrite their receiver and give back nothing that matters.
_OVERWRITING = frozenset("append clear pop setdefault update".split())


@dataclass(frozen=True, slots=True, eq=False)
class _Statement:
    """A statement, or the lines that belong to a block; `writes` is None where it does more than to write."""

    node: cst.CSTNode
    reads: frozenset[str]
    writes: frozenset[str] | None = None
    suites: tuple[tuple[_Statement, ...], ...] = ()  # of a block that may go as a whole


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What may be deleted, and the names that the rest of the function reads."""

    statements: tuple[cst.CSTNode, ...]
    read: frozenset[str]


class Entangled(Exception):  # noqa: N818 - no error: the reason why nothing is certain
    """A statement serves the dropped value and something else."""

    def __init__(self, statement: cst.CSTNode) -> None:
        super().__init__()
        self.statement = statement


def leftovers(
    function: cst.FunctionDef, dropped: Collection[str], ignored: Collection[cst.CSTNode]
) -> Leftovers:
    """The statements that only serve to compute or keep what is dropped.

    `dropped` names attributes, as `self.x`; `ignored` are expressions that will not be evaluated any more.
    Raises `Entangled` where what is left reads or writes a dropped attribute, or a suite would be empty.
    The statement around an ignored expression stays; its targets are the caller's business.
    """
    body = _suite(function.body, ignored)
    lines = list(_lines(body))
    relevant = set(dropped).union(*(mentions(node) for node in ignored))
    while True:
        found = {
            name
            for statement, around in lines
            if statement.writes and statement.writes & relevant
            for name in statement.reads.union(*(block.reads for block in around))
        }
        if found <= relevant:
            break
        relevant |= found
    removable = {
        s
        for s, _ in lines
        if s.writes and all(w in dropped or (w in relevant and "." not in w) for w in s.writes)
    }
    while True:
        read = frozenset().union(*_read(body, removable))
        kept = {s for s in removable if s.writes is not None and s.writes & read}
        if not kept:
            break
        removable -= kept
    for statement, around in lines:
        spoken = statement.reads | (statement.writes or frozenset())
        if statement not in removable and any(
            d in part for d in dropped for part in (spoken, *(b.reads for b in around))
        ):
            raise Entangled(statement.node)
    return Leftovers(tuple(_outermost(body, removable)), read)


def mentions(node: cst.CSTNode) -> frozenset[str]:
    """Names that code speaks of, and attributes of `self` as `self.x`."""
    return frozenset(_mentions(node))


def is_pure(value: cst.BaseExpression) -> bool:
    """Whether nothing is lost where an expression is not evaluated."""
    match value:
        case cst.Call(func=cst.Name(value=name)):
            known = name in _FUNCTIONS
        case cst.Call(func=cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name))):
            known = name == "parameters"
        case cst.Call(func=cst.Attribute(value=cst.Name(value="torch"), attr=cst.Name(value=name))):
            known = not name.endswith("_")
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name))):
            known = name in _METHODS
        case cst.Call() | cst.Await() | cst.Yield() | cst.NamedExpr() | cst.Lambda():
            known = False
        case _:
            known = True
    return known and all(is_pure(child) for child in value.children)  # type: ignore[arg-type]


def _mentions(node: cst.CSTNode) -> Iterator[str]:
    match node:
        case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
            yield f"self.{name}"
        case cst.Attribute(value=value) | cst.Arg(value=value):
            yield from _mentions(value)
        case cst.Call(
            func=cst.Name(value="getattr" | "hasattr" | "setattr" | "delattr"),
            args=[cst.Arg(value=cst.Name(value="self")), cst.Arg(value=cst.SimpleString() as name), *rest],
        ):
            yield f"self.{name.raw_value}"
            for argument in rest:
                yield from _mentions(argument)
        case cst.Name(value=name):
            yield name
        case cst.Annotation():
            return
        case _:
            for child in node.children:
                yield from _mentions(child)


def _suite(suite: cst.BaseSuite, ignored: Collection[cst.CSTNode]) -> tuple[_Statement, ...]:
    return tuple(_statement(node, ignored) for node in suite.body)


def _statement(node: cst.CSTNode, ignored: Collection[cst.CSTNode]) -> _Statement:
    match node:
        case cst.SimpleStatementLine(body=[small]):
            return _line(node, small, ignored)
        case cst.If(test=test, body=body, orelse=orelse) if is_pure(test):
            suites = [_suite(body, ignored)]
            if isinstance(orelse, cst.If):
                suites.append((_statement(orelse, ignored),))
            elif orelse is not None:
                suites.append(_suite(orelse.body, ignored))
            return _Statement(node, mentions(test), suites=tuple(suites))
        case cst.With(items=[cst.WithItem(item=item, asname=None)], body=body) if is_pure(item):
            return _Statement(node, mentions(item), suites=(_suite(body, ignored),))
        case _:
            return _Statement(node, mentions(node))


def _line(
    node: cst.SimpleStatementLine, small: cst.BaseSmallStatement, ignored: Collection[cst.CSTNode]
) -> _Statement:
    targets: list[cst.BaseExpression] = []
    values: list[cst.BaseExpression] = []
    match small:
        case cst.Pass():
            return _Statement(node, frozenset(), frozenset())
        case cst.Assign(targets=assigned, value=value):
            targets, values = [leaf for t in assigned for leaf in _leaves(t.target)], [value]
        case cst.AnnAssign(target=target, value=value) if value is not None:
            targets, values = [target], [value]
        case cst.AugAssign(target=target, value=value):
            targets, values = [target], [value]
        case cst.Del(target=target):
            targets = list(_leaves(target))
        case cst.Expr(value=cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value=name)), args=args)):
            overwrites = name in _OVERWRITING or (name.endswith("_") and not name.endswith("__"))
            targets, values = [owner] if overwrites else [], [a.value for a in args]
    roots = [_root(target) for target in targets]
    indices = [s for t in targets for s in _subscripts(t)]
    reads = frozenset().union(*(_read_in(v, ignored) for v in (*values, *indices)))
    if not targets or None in roots:
        return _Statement(node, _read_in(small, ignored))
    pure = all(map(is_pure, values)) and all(is_pure(i) for i in indices)
    around = any(_holds(node, expression) for expression in ignored)
    if not pure or around:
        of_self = () if around else (r for r in roots if r is not None and "." in r)
        parts = (r for t, r in zip(targets, roots, strict=True) if r is not None and _is_part(t))
        return _Statement(node, reads.union(of_self, parts))
    return _Statement(node, reads, frozenset(r for r in roots if r is not None))


def _read_in(node: cst.CSTNode, ignored: Collection[cst.CSTNode]) -> frozenset[str]:
    """What a node speaks of, but for the expressions that will not be evaluated."""
    if node in ignored:
        return frozenset()
    if not any(_holds(node, expression) for expression in ignored):
        return mentions(node)
    return frozenset().union(*(_read_in(child, ignored) for child in node.children))


def _holds(node: cst.CSTNode, part: cst.CSTNode) -> bool:
    return node is part or any(_holds(child, part) for child in node.children)


def _leaves(target: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _leaves(element.value)
    else:
        yield target


def _root(target: cst.BaseExpression) -> str | None:
    """`self.x` or a name, where a target is that or a part of it."""
    while True:
        match target:
            case cst.Name(value=name):
                return name
            case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
                return f"self.{name}"
            case cst.Attribute(value=inner) | cst.Subscript(value=inner):
                target = inner
            case _:
                return None


def _is_part(target: cst.BaseExpression) -> bool:
    """Whether a target is a part of what its root names: `h[0]`, `h.data`."""
    return "." not in (_root(target) or "") and not isinstance(target, cst.Name)


def _subscripts(target: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    while isinstance(target, (cst.Attribute, cst.Subscript)):
        if isinstance(target, cst.Subscript):
            for element in target.slice:
                match element.slice:
                    case cst.Index(value=value):
                        yield value
                    case cst.Slice(lower=lower, upper=upper, step=step):
                        yield from (part for part in (lower, upper, step) if part is not None)
        target = target.value


def _lines(
    suite: Iterable[_Statement], around: tuple[_Statement, ...] = ()
) -> Iterator[tuple[_Statement, tuple[_Statement, ...]]]:
    """Every statement that is no block, with the blocks around it."""
    for statement in suite:
        if statement.suites:
            for inner in statement.suites:
                yield from _lines(inner, (*around, statement))
        else:
            yield statement, around


def _goes(statement: _Statement, removable: Collection[_Statement]) -> bool:
    """Whether a statement may be deleted with all that is in it."""
    if statement.suites:
        return all(_goes(inner, removable) for suite in statement.suites for inner in suite) and any(
            inner in removable for inner, _ in _lines((statement,))
        )
    return statement in removable or statement.writes == frozenset()


def _read(suite: Iterable[_Statement], removable: Collection[_Statement]) -> Iterator[frozenset[str]]:
    for statement in suite:
        if not _goes(statement, removable):
            yield statement.reads
            for inner in statement.suites:
                yield from _read(inner, removable)


def _outermost(suite: Iterable[_Statement], removable: Collection[_Statement]) -> Iterator[cst.CSTNode]:
    for statement in suite:
        if statement in removable or (statement.suites and _goes(statement, removable)):
            yield statement.node
            continue
        for inner in statement.suites:
            if all(_goes(s, removable) for s in inner) and any(s in removable for s, _ in _lines(inner)):
                raise Entangled(statement.node)
            yield from _outermost(inner, removable)
