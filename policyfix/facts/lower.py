"""libcst tree -> facts: one traversal of one file. Pure: no I/O, no linking."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

import libcst as cst

from policyfix.facts import ir
from policyfix.facts.parsed import Parsed, parse


def extract(source: str, path: str) -> ir.ModuleFacts:
    """Facts of one decoded file. Raises `libcst.ParserSyntaxError` where the text is not Python."""
    facts = lower(cst.parse_module(source), path)
    facts.ranges.find = lambda: ranges(parse(source))
    return facts


def lower(tree: cst.Module, path: str) -> ir.ModuleFacts:
    """Facts of one parsed file. Who may ask them for places sets `ranges.find`, by way of `ranges`."""
    return _Lowering(path, ir.Ranges(list)).module(tree)


def ranges(parsed: Parsed) -> list[ir.Range]:
    """The range of every span that lowering a tree comes by, in that order."""
    lowering = _Lowering("", ir.NOWHERE.ranges)
    lowering.module(parsed.module)
    found = (parsed.positions.get(node) for node in lowering.spanned)
    return [
        (0, 0, 0, 0) if p is None else (p.start.line, p.start.column + 1, p.end.line, p.end.column + 1)
        for p in found
    ]


class _Lowering:
    """Lowers one tree. Holds the qualified name of the scope it stands in, and the nodes that got a span."""

    def __init__(self, path: str, ranges: ir.Ranges) -> None:
        self._path = path
        self._ranges = ranges
        self._scope: list[str] = []
        self.spanned: list[cst.CSTNode] = []

    def module(self, tree: cst.Module) -> ir.ModuleFacts:
        members = _Members()
        self._collect(tree.body, members)
        name = self._path.replace("\\", "/").rsplit("/", 1)[-1]
        return ir.ModuleFacts(
            path=self._path,
            imports=tuple(members.imports),
            classes=tuple(members.classes),
            functions=tuple(members.functions),
            assigned=tuple(members.assigned),
            patched=frozenset(members.patched),
            is_package=name in ("__init__.py", "__init__.pyi"),
            ranges=self._ranges,
            script=self._script(tree.body),
        )

    def _script(self, body: Iterable[cst.CSTNode]) -> tuple[ir.Stmt, ...]:
        """The statements of a module other than definitions, where one of them loops."""
        statements = [n for n in body if not isinstance(n, (cst.FunctionDef, cst.ClassDef))]
        if not any(_loops(node) for node in statements):
            return ()
        return tuple(lowered for node in statements for lowered in self._statement(node))

    # ------------------------------------------------------------------ module and class bodies

    def _collect(self, body: Iterable[cst.CSTNode], members: _Members) -> None:
        """Definitions of a module or class body, those under `if`, `try`, `with` and loops included."""
        for node in body:
            match node:
                case cst.FunctionDef():
                    members.functions.append(self._function(node))
                case cst.ClassDef():
                    members.classes.append(self._class(node))
                case cst.SimpleStatementLine() | cst.SimpleStatementSuite():
                    for small in node.body:
                        self._collect_small(small, members)
                case _:
                    for block in _blocks(node):
                        self._collect(_statements(block), members)

    def _collect_small(self, node: cst.BaseSmallStatement, members: _Members) -> None:
        match self._small(node):
            case ir.Import(names=names):
                members.imports.extend(names)
            case ir.Assign(targets=targets, value=value):
                members.assigned.extend((t.id, value) for t in targets if isinstance(t, ir.Name))
                for target in targets:
                    match target:
                        case ir.Attribute(value=ir.Name(id=owner), name=name):
                            members.patched.append((owner, name))
                        case ir.Name(id=owner) if any(n == target for n in ir.nodes(value)):
                            members.patched.append((owner, "*"))  # `Policy = wrap(Policy)`
            case ir.Evaluate(value=ir.Call(function=ir.Name(id="setattr"), arguments=arguments)):
                match arguments[:2]:
                    case (
                        ir.Argument(value=ir.Name(id=owner)),
                        ir.Argument(value=ir.Literal(value=str(name))),
                    ):
                        members.patched.append((owner, name))
            case _:
                pass

    def _class(self, node: cst.ClassDef) -> ir.ClassFacts:
        name = node.name.value
        self._scope.append(name)
        members = _Members()
        self._collect(_statements(node.body), members)
        qualname = ".".join(self._scope)
        self._scope.pop()
        return ir.ClassFacts(
            name=name,
            qualname=qualname,
            bases=tuple(
                ir.Starred(self._expr(a.value)) if a.star else self._expr(a.value) for a in node.bases
            ),
            decorators=tuple(self._expr(d.decorator) for d in node.decorators),
            functions=tuple(members.functions),
            classes=tuple(members.classes),
            attributes=tuple(members.assigned),
            metaclass=next(
                (
                    self._expr(a.value)
                    for a in node.keywords
                    if a.keyword is not None and a.keyword.value == "metaclass"
                ),
                None,
            ),
            span=self._span(node.name),
            whole=self._span(node),
        )

    def _function(self, node: cst.FunctionDef) -> ir.FunctionFacts:
        name = node.name.value
        self._scope.append(name)
        body = self._block(node.body)
        qualname = ".".join(self._scope)
        self._scope.pop()
        return ir.FunctionFacts(
            name=name,
            qualname=qualname,
            parameters=self._parameters(node.params),
            decorators=tuple(self._expr(d.decorator) for d in node.decorators),
            body=body,
            span=self._span(node.name),
            whole=self._span(node),
        )

    def _parameters(self, node: cst.Parameters) -> tuple[ir.Parameter, ...]:
        groups: list[tuple[str, Iterable[cst.Param]]] = [
            ("positional-only", node.posonly_params),
            ("positional", node.params),
            ("*", [node.star_arg] if isinstance(node.star_arg, cst.Param) else []),
            ("keyword", node.kwonly_params),
            ("**", [node.star_kwarg] if node.star_kwarg is not None else []),
        ]
        return tuple(
            ir.Parameter(
                name=param.name.value,
                kind=kind,
                default=None if param.default is None else self._expr(param.default),
                annotation=None if param.annotation is None else self._annotation(param.annotation),
            )
            for kind, params in groups
            for param in params
        )

    def _annotation(self, node: cst.Annotation) -> ir.Expr:
        """An annotation; a quoted one is read as the expression it quotes."""
        if isinstance(node.annotation, cst.SimpleString):
            value = node.annotation.evaluated_value
            if isinstance(value, str):
                try:
                    return self._expr(cst.parse_expression(value))
                except cst.ParserSyntaxError:
                    return ir.Opaque()
        return self._expr(node.annotation)

    # ------------------------------------------------------------------------------- statements

    def _block(self, node: cst.BaseSuite) -> tuple[ir.Stmt, ...]:
        lowered: list[ir.Stmt] = []
        for statement in _statements(node):
            lowered.extend(self._statement(statement))
        return tuple(lowered)

    def _statement(self, node: cst.CSTNode) -> list[ir.Stmt]:
        match node:
            case cst.SimpleStatementLine() | cst.SimpleStatementSuite():
                return [s for small in node.body if (s := self._small(small)) is not None]
            case cst.If():
                return [self._if(node)]
            case cst.For():
                return [
                    ir.Loop(
                        self._expr(node.target),
                        self._expr(node.iter),
                        self._block(node.body),
                        self._block(node.orelse.body) if node.orelse else (),
                        self._span(node),
                    )
                ]
            case cst.While():
                return [
                    ir.Loop(
                        None,
                        self._expr(node.test),
                        self._block(node.body),
                        self._block(node.orelse.body) if node.orelse else (),
                        self._span(node),
                    )
                ]
            case cst.With():
                items = tuple(
                    (self._expr(i.item), None if i.asname is None else self._expr(i.asname.name))
                    for i in node.items
                )
                return [ir.With(items, self._block(node.body), self._span(node))]
            case cst.Try() | cst.TryStar():
                return [
                    ir.Try(
                        self._block(node.body),
                        tuple(self._block(h.body) for h in node.handlers),
                        self._block(node.orelse.body) if node.orelse else (),
                        self._block(node.finalbody.body) if node.finalbody else (),
                        self._span(node),
                    )
                ]
            case cst.Match():
                cases = tuple(self._block(case.body) for case in node.cases)
                return [ir.Match(self._expr(node.subject), cases, self._span(node))]
            case cst.FunctionDef():
                return [ir.Define(self._function(node))]
            case cst.ClassDef():
                return [ir.Define(self._class(node))]
            case _:
                return []

    def _if(self, node: cst.If) -> ir.If:
        orelse: tuple[ir.Stmt, ...] = ()
        if isinstance(node.orelse, cst.If):
            orelse = (self._if(node.orelse),)
        elif node.orelse is not None:
            orelse = self._block(node.orelse.body)
        return ir.If(self._expr(node.test), self._block(node.body), orelse, self._span(node))

    def _small(self, node: cst.BaseSmallStatement) -> ir.Stmt | None:
        span = self._span(node)
        match node:
            case cst.Assign():
                targets = tuple(self._expr(t.target) for t in node.targets)
                return ir.Assign(targets, self._expr(node.value), span)
            case cst.AnnAssign():
                if node.value is None:
                    return None
                return ir.Assign((self._expr(node.target),), self._expr(node.value), span)
            case cst.AugAssign():
                operator = _operator(node.operator).removesuffix("=")
                return ir.AugAssign(self._expr(node.target), operator, self._expr(node.value), span)
            case cst.Expr():
                return ir.Evaluate(self._expr(node.value), span)
            case cst.Return():
                value = ir.Literal(None) if node.value is None else self._expr(node.value)
                return ir.Return(value, span)
            case cst.Raise():
                value = ir.Literal(None) if node.exc is None else self._expr(node.exc)
                return ir.Raise(value, span)
            case cst.Assert():
                parts = [self._expr(node.test)]
                if node.msg is not None:
                    parts.append(self._expr(node.msg))
                return ir.Evaluate(ir.Opaque(tuple(parts)), span)
            case cst.Del():
                target = self._expr(node.target)
                is_group = isinstance(target, ir.Sequence)
                return ir.Delete(cast("ir.Sequence", target).items if is_group else (target,), span)
            case cst.Break():
                return ir.Jump("break")
            case cst.Continue():
                return ir.Jump("continue")
            case cst.Global() | cst.Nonlocal():
                return ir.Share(tuple(item.name.value for item in node.names))
            case cst.Import():
                return ir.Import(tuple(_plain_import(alias) for alias in node.names), span)
            case cst.ImportFrom():
                return ir.Import(tuple(_from_import(node)), span)
            case _:
                return None

    # ------------------------------------------------------------------------------ expressions

    def _expr(self, node: cst.CSTNode) -> ir.Expr:
        lower = _EXPRESSIONS.get(type(node))
        if lower is not None:
            return lower(self, node)
        children = (c for c in node.children if isinstance(c, cst.BaseExpression))
        return ir.Opaque(tuple(self._expr(child) for child in children))

    def _name(self, node: cst.Name) -> ir.Expr:
        constants = {"None": None, "True": True, "False": False}
        if node.value in constants:
            return ir.Literal(constants[node.value])
        return ir.Name(node.value)

    def _number(self, node: cst.Integer | cst.Float | cst.Imaginary) -> ir.Expr:
        return ir.Literal(_evaluated(node.value))

    def _string(self, node: cst.SimpleString | cst.ConcatenatedString) -> ir.Expr:
        value = _evaluated(node.value) if isinstance(node, cst.SimpleString) else node.evaluated_value
        if value is not None:
            return ir.Literal(value)
        return ir.Opaque()

    def _formatted(self, node: cst.FormattedString) -> ir.Expr:
        parts = (p.expression for p in node.parts if isinstance(p, cst.FormattedStringExpression))
        return ir.Opaque(tuple(self._expr(part) for part in parts))

    def _attribute(self, node: cst.Attribute) -> ir.Expr:
        return ir.Attribute(self._expr(node.value), node.attr.value)

    def _call(self, node: cst.Call) -> ir.Expr:
        arguments = tuple(
            ir.Argument(self._expr(a.value), None if a.keyword is None else a.keyword.value, a.star)
            for a in node.args
        )
        return ir.Call(self._expr(node.func), arguments, self._span(node))

    def _subscript(self, node: cst.Subscript) -> ir.Expr:
        items: list[ir.Expr] = []
        for element in node.slice:
            match element.slice:
                case cst.Slice(lower=lower, upper=upper, step=step):
                    bounds = (None if b is None else self._expr(b) for b in (lower, upper, step))
                    items.append(ir.Slice(tuple(bounds)))
                case cst.Index(value=value):
                    items.append(self._expr(value))
        return ir.Subscript(self._expr(node.value), tuple(items))

    def _unary(self, node: cst.UnaryOperation) -> ir.Expr:
        operand = self._expr(node.expression)
        operator = _operator(node.operator)
        if operator == "-" and isinstance(operand, ir.Literal) and isinstance(operand.value, (int, float)):
            return ir.Literal(-operand.value)
        return ir.Operation(operator, (operand,))

    def _binary(self, node: cst.BinaryOperation | cst.BooleanOperation) -> ir.Expr:
        return ir.Operation(_operator(node.operator), (self._expr(node.left), self._expr(node.right)))

    def _comparison(self, node: cst.Comparison) -> ir.Expr:
        return ir.Comparison(
            self._expr(node.left),
            tuple(_operator(c.operator) for c in node.comparisons),
            tuple(self._expr(c.comparator) for c in node.comparisons),
        )

    def _conditional(self, node: cst.IfExp) -> ir.Expr:
        return ir.Conditional(self._expr(node.test), self._expr(node.body), self._expr(node.orelse))

    def _sequence(self, node: cst.Tuple | cst.List | cst.Set) -> ir.Expr:
        items = tuple(
            ir.Starred(self._expr(e.value)) if isinstance(e, cst.StarredElement) else self._expr(e.value)
            for e in node.elements
        )
        return ir.Sequence(type(node).__name__.lower(), items)

    def _dict(self, node: cst.Dict) -> ir.Expr:
        keys = tuple(self._expr(e.key) if isinstance(e, cst.DictElement) else None for e in node.elements)
        return ir.Mapping(keys, tuple(self._expr(e.value) for e in node.elements))

    def _comprehension(self, node: cst.BaseSimpleComp) -> ir.Expr:
        return self._comprehend(type(node).__name__, self._expr(node.elt), node.for_in)

    def _dict_comprehension(self, node: cst.DictComp) -> ir.Expr:
        pair = ir.Sequence("tuple", (self._expr(node.key), self._expr(node.value)))
        return self._comprehend("DictComp", pair, node.for_in)

    def _comprehend(self, kind: str, element: ir.Expr, first: cst.CompFor) -> ir.Expr:
        generators: list[tuple[ir.Expr, ir.Expr, tuple[ir.Expr, ...]]] = []
        loop: cst.CompFor | None = first
        while loop is not None:
            conditions = tuple(self._expr(i.test) for i in loop.ifs)
            generators.append((self._expr(loop.target), self._expr(loop.iter), conditions))
            loop = loop.inner_for_in
        return ir.Comprehension(kind, element, tuple(generators))

    def _walrus(self, node: cst.NamedExpr) -> ir.Expr:
        return ir.Walrus(ir.Name(cst.ensure_type(node.target, cst.Name).value), self._expr(node.value))

    def _starred(self, node: cst.StarredElement) -> ir.Expr:
        return ir.Starred(self._expr(node.value))

    def _lambda(self, node: cst.Lambda) -> ir.Expr:
        return ir.Opaque()

    def _span(self, node: cst.CSTNode) -> ir.Span:
        self.spanned.append(node)
        return ir.Span(len(self.spanned) - 1, self._ranges)


class _Members:
    """What a module or class body defines."""

    def __init__(self) -> None:
        self.imports: list[ir.Imported] = []
        self.classes: list[ir.ClassFacts] = []
        self.functions: list[ir.FunctionFacts] = []
        self.assigned: list[tuple[str, ir.Expr]] = []
        self.patched: list[tuple[str, str]] = []


_EXPRESSIONS: dict[type[cst.CSTNode], Callable[[_Lowering, Any], ir.Expr]] = {
    cst.Name: _Lowering._name,
    cst.Integer: _Lowering._number,
    cst.Float: _Lowering._number,
    cst.Imaginary: _Lowering._number,
    cst.SimpleString: _Lowering._string,
    cst.ConcatenatedString: _Lowering._string,
    cst.FormattedString: _Lowering._formatted,
    cst.Ellipsis: lambda _self, _node: ir.Literal(...),
    cst.Attribute: _Lowering._attribute,
    cst.Call: _Lowering._call,
    cst.Subscript: _Lowering._subscript,
    cst.UnaryOperation: _Lowering._unary,
    cst.BinaryOperation: _Lowering._binary,
    cst.BooleanOperation: _Lowering._binary,
    cst.Comparison: _Lowering._comparison,
    cst.IfExp: _Lowering._conditional,
    cst.Tuple: _Lowering._sequence,
    cst.List: _Lowering._sequence,
    cst.Set: _Lowering._sequence,
    cst.Dict: _Lowering._dict,
    cst.ListComp: _Lowering._comprehension,
    cst.SetComp: _Lowering._comprehension,
    cst.GeneratorExp: _Lowering._comprehension,
    cst.DictComp: _Lowering._dict_comprehension,
    cst.NamedExpr: _Lowering._walrus,
    cst.StarredElement: _Lowering._starred,
    cst.Lambda: _Lowering._lambda,
}

_SYMBOLS: dict[type[cst.CSTNode], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.MatrixMultiply: "@",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
    cst.BitAnd: "&",
    cst.BitOr: "|",
    cst.BitXor: "^",
    cst.And: "and",
    cst.Or: "or",
    cst.Not: "not",
    cst.Minus: "-",
    cst.Plus: "+",
    cst.BitInvert: "~",
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.Is: "is",
    cst.IsNot: "is not",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.AddAssign: "+=",
    cst.SubtractAssign: "-=",
    cst.MultiplyAssign: "*=",
    cst.DivideAssign: "/=",
    cst.FloorDivideAssign: "//=",
    cst.ModuloAssign: "%=",
    cst.PowerAssign: "**=",
    cst.MatrixMultiplyAssign: "@=",
    cst.BitAndAssign: "&=",
    cst.BitOrAssign: "|=",
    cst.BitXorAssign: "^=",
    cst.LeftShiftAssign: "<<=",
    cst.RightShiftAssign: ">>=",
}


@lru_cache(maxsize=4096)
def _evaluated(text: str) -> object:
    """The value of a literal: the same few come up again and again."""
    return literal_eval(text)


def _operator(node: cst.CSTNode) -> str:
    return _SYMBOLS[type(node)]


def _statements(suite: cst.CSTNode) -> Iterable[cst.CSTNode]:
    """Statements of a suite; `if x: a; b` counts as one line of small statements."""
    if isinstance(suite, cst.SimpleStatementSuite):
        return (suite,)
    return cast("Iterable[cst.CSTNode]", getattr(suite, "body", ()))


def _loops(node: cst.CSTNode) -> bool:
    """Whether a statement is a loop or holds one, outside of definitions."""
    if isinstance(node, (cst.For, cst.While)):
        return True
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        return False
    return any(_loops(inner) for block in _blocks(node) for inner in _statements(block))


def _blocks(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The suites of a compound statement."""
    blocks: list[cst.CSTNode] = []
    if isinstance(body := getattr(node, "body", None), cst.BaseSuite):
        blocks.append(body)
    for name in ("orelse", "finalbody"):
        follower = getattr(node, name, None)
        if isinstance(follower, cst.If):
            blocks.extend(_blocks(follower))
        elif follower is not None:
            blocks.append(follower.body)
    blocks.extend(handler.body for handler in getattr(node, "handlers", ()))
    blocks.extend(case.body for case in getattr(node, "cases", ()))
    return blocks


def _plain_import(alias: cst.ImportAlias) -> ir.Imported:
    module = _dotted(alias.name)
    if alias.asname is not None:
        return ir.Imported(_dotted(alias.asname.name), module)
    top = module.partition(".")[0]
    return ir.Imported(top, top)


def _from_import(node: cst.ImportFrom) -> Iterable[ir.Imported]:
    module = "" if node.module is None else _dotted(node.module)
    level = len(node.relative)
    if isinstance(node.names, cst.ImportStar):
        yield ir.Imported("*", module, level, "*")
        return
    for alias in node.names:
        attribute = _dotted(alias.name)
        name = attribute if alias.asname is None else _dotted(alias.asname.name)
        yield ir.Imported(name, module, level, attribute)


def _dotted(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return cst.ensure_type(node, cst.Name).value
