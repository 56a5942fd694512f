"""A source text -> facts: one traversal of its syntax tree. Pure: no I/O, no linking.

The tree is that of the interpreter's own parser, not libcst's: it takes a tenth of the time and none to load,
and facts need neither white space nor comments. What is rewritten is found on a libcst tree, by its place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

from policyfix.facts import ir

_KEYWORD = re.compile(r"(?:async\s+def|def|class)\s+(?=\w)")
_LINE_END = re.compile(r"\r\n|\r|\n")


def extract(source: str, path: str) -> ir.ModuleFacts:
    """Facts of one decoded file.

    Raises `SyntaxError` or `ValueError` where the text is not Python as this interpreter knows it, and
    `RecursionError` or `MemoryError` where it is nested too deeply.
    """
    return _Lowering(source, path).module(ast.parse(source))


class _Lowering:
    """Lowers one tree. Holds the qualified name of the scope that it stands in."""

    def __init__(self, source: str, path: str) -> None:
        self._path = path
        # A form feed ends no line of Python, so `splitlines` will not do; to look for two ends takes long.
        self._lines = _LINE_END.split(source) if "\r" in source else source.split("\n")
        self._is_ascii = source.isascii()
        self._scope: list[str] = []
        self._rebound: set[str] = set()

    def module(self, tree: ast.Module) -> ir.ModuleFacts:
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
            script=self._script(tree.body),
            rebound=frozenset(self._rebound),
        )

    def _script(self, body: list[ast.stmt]) -> tuple[ir.Stmt, ...]:
        """The statements of a module other than definitions, where one of them loops."""
        statements = [n for n in body if not isinstance(n, _DEFINITIONS)]
        return self._block(statements) if any(map(_loops, statements)) else ()

    # ------------------------------------------------------------------ module and class bodies

    def _collect(self, body: Iterable[ast.stmt], members: _Members) -> None:
        """Definitions of a module or class body, those under `if`, `try`, `with` and loops included."""
        for node in body:
            match node:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=hint):
                    members.fields.append(name)
                    members.hints.append(self._annotation(hint))
                    self._collect_simple(node, members)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    members.functions.append(self._function(node))
                case ast.ClassDef():
                    members.classes.append(self._class(node))
                case _ if isinstance(node, _COMPOUND):
                    for block in _blocks(node):
                        self._collect(block, members)
                case _:
                    self._collect_simple(node, members)

    def _collect_simple(self, node: ast.stmt, members: _Members) -> None:
        match self._statement(node):
            case ir.Import(names=names):
                members.imports.extend(names)
            case ir.Assign(targets=targets, value=value):
                for target in targets:
                    members.assigned.extend(_named(target, value))
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

    def _class(self, node: ast.ClassDef) -> ir.ClassFacts:
        self._scope.append(node.name)
        members = _Members()
        self._collect(node.body, members)
        qualname = ".".join(self._scope)
        self._scope.pop()
        return ir.ClassFacts(
            name=node.name,
            qualname=qualname,
            bases=self._exprs(node.bases),
            decorators=self._exprs(node.decorator_list),
            functions=tuple(members.functions),
            classes=tuple(members.classes),
            attributes=tuple(members.assigned),
            fields=tuple(members.fields),
            hints=tuple(members.hints),
            metaclass=next((self._expr(k.value) for k in node.keywords if k.arg == "metaclass"), None),
            span=self._name_span(node),
        )

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ir.FunctionFacts:
        self._scope.append(node.name)
        body = self._block(node.body)
        qualname = ".".join(self._scope)
        self._scope.pop()
        return ir.FunctionFacts(
            name=node.name,
            qualname=qualname,
            parameters=self._parameters(node.args),
            decorators=self._exprs(node.decorator_list),
            body=body,
            span=self._name_span(node),
        )

    def _lambda(self, node: ast.Lambda) -> ir.Expr:
        qualname = ".".join(self._scope)  # a place in it is one in the function around it
        body = (ir.Return(self._expr(node.body), self._span(node.body)),)
        parameters = self._parameters(node.args)
        return ir.Lambda(ir.FunctionFacts("<lambda>", qualname, parameters, (), body, self._span(node)))

    def _yield(self, node: ast.Yield) -> ir.Expr:
        return ir.Yield(ir.Literal(None) if node.value is None else self._expr(node.value))

    def _yield_from(self, node: ast.YieldFrom) -> ir.Expr:
        return ir.Yield(ir.Starred(self._expr(node.value)))

    def _parameters(self, node: ast.arguments) -> tuple[ir.Parameter, ...]:
        missing = len(node.posonlyargs) + len(node.args) - len(node.defaults)
        defaults: list[ast.expr | None] = [*[None] * missing, *node.defaults]
        kinds = ["positional-only"] * len(node.posonlyargs) + ["positional"] * len(node.args)
        positional = zip([*node.posonlyargs, *node.args], kinds, defaults, strict=True)
        keyword = ((a, "keyword", d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True))
        rest = [(node.vararg, "*", None)] if node.vararg else []
        spread = [(node.kwarg, "**", None)] if node.kwarg else []
        return tuple(
            ir.Parameter(
                name=argument.arg,
                kind=kind,
                default=None if default is None else self._expr(default),
                annotation=None if argument.annotation is None else self._annotation(argument.annotation),
            )
            for argument, kind, default in (*positional, *rest, *keyword, *spread)
        )

    def _annotation(self, node: ast.expr) -> ir.Expr:
        """An annotation; a quoted one is read as the expression it quotes."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                quoted = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError):
                return ir.Opaque()
            return _Lowering(node.value.strip(), self._path)._expr(quoted)
        return self._expr(node)

    # ------------------------------------------------------------------------------- statements

    def _block(self, body: Iterable[ast.stmt]) -> tuple[ir.Stmt, ...]:
        return tuple(lowered for node in body if (lowered := self._statement(node)) is not None)

    def _statement(self, node: ast.stmt) -> ir.Stmt | None:
        lower = _STATEMENTS.get(type(node))
        return None if lower is None else lower(self, node)

    def _if(self, node: ast.If) -> ir.Stmt:
        return ir.If(
            self._expr(node.test), self._block(node.body), self._block(node.orelse), self._span(node)
        )

    def _for(self, node: ast.For | ast.AsyncFor) -> ir.Stmt:
        return ir.Loop(
            self._expr(node.target),
            self._expr(node.iter),
            self._block(node.body),
            self._block(node.orelse),
            self._span(node),
        )

    def _while(self, node: ast.While) -> ir.Stmt:
        return ir.Loop(
            None, self._expr(node.test), self._block(node.body), self._block(node.orelse), self._span(node)
        )

    def _with(self, node: ast.With | ast.AsyncWith) -> ir.Stmt:
        items = tuple(
            (
                self._expr(i.context_expr),
                None if i.optional_vars is None else self._expr(i.optional_vars),
            )
            for i in node.items
        )
        return ir.With(items, self._block(node.body), self._span(node))

    def _try(self, node: ast.Try | ast.TryStar) -> ir.Stmt:
        return ir.Try(
            self._block(node.body),
            tuple(self._block(h.body) for h in node.handlers),
            self._block(node.orelse),
            self._block(node.finalbody),
            self._span(node),
        )

    def _match(self, node: ast.Match) -> ir.Stmt:
        """A match is lowered to the chain of tests that it stands for."""
        subject, span = ir.Name("match subject"), self._span(node)  # no source spells a name so
        chain: tuple[ir.Stmt, ...] = ()
        for case in reversed(node.cases):
            test, bound = self._pattern(case.pattern, subject)
            if case.guard is not None:
                guard = self._expr(case.guard)
                test = guard if test == _ALWAYS else ir.Operation("and", (test, guard))
            body = (*(ir.Assign((target,), value, span) for target, value in bound), *self._block(case.body))
            chain = body if test == _ALWAYS else (ir.If(test, body, chain, span),)
        return ir.If(_ALWAYS, (ir.Assign((subject,), self._expr(node.subject), span), *chain), (), span)

    def _pattern(
        self, pattern: ast.pattern, subject: ir.Expr
    ) -> tuple[ir.Expr, list[tuple[ir.Expr, ir.Expr]]]:
        """What a pattern tests, and the names that it binds."""
        match pattern:
            case ast.MatchAs(pattern=inner, name=name):
                test, bound = (_ALWAYS, []) if inner is None else self._pattern(inner, subject)
                return test, [*bound, *([] if name is None else [(ir.Name(name), subject)])]
            case ast.MatchSingleton(value=value):
                return ir.Comparison(subject, ("is",), (ir.Literal(value),)), []
            case ast.MatchValue(value=expr):
                return ir.Comparison(subject, ("==",), (self._expr(expr),)), []
            case ast.MatchOr(patterns=patterns):
                tests = [self._pattern(p, subject)[0] for p in patterns]
                return reduce(lambda one, other: ir.Operation("or", (one, other)), tests), []
            case ast.MatchSequence(patterns=[*patterns]) if all(map(_is_capture, patterns)):
                names = tuple(ir.Name(getattr(p, "name", None) or "_") for p in patterns)
                return ir.Opaque((subject,)), [(ir.Sequence("tuple", names), subject)]
            case ast.MatchSequence(patterns=inner) if not any(isinstance(p, ast.MatchStar) for p in inner):
                items = [ir.Subscript(subject, (ir.Literal(i),)) for i in range(len(inner))]
                return self._parts(subject, items, inner)
            case ast.MatchMapping(keys=keys, patterns=inner, rest=rest):
                entries = [ir.Subscript(subject, (self._expr(key),)) for key in keys]
                test, bound = self._parts(subject, entries, inner)
                return test, [*bound, *([] if rest is None else [(ir.Name(rest), ir.Opaque((subject,)))])]
            case ast.MatchClass(patterns=[], kwd_attrs=names, kwd_patterns=inner):
                return self._parts(subject, [ir.Attribute(subject, name) for name in names], inner)
            case ast.MatchClass(cls=ast.Name(id=name), patterns=[whole]) if name in _SELF_MATCHING:
                return self._parts(subject, [subject], [whole])
            case _:
                inside = [getattr(p, "name", None) or getattr(p, "rest", None) for p in ast.walk(pattern)]
                return ir.Opaque((subject,)), [(ir.Name(n), ir.Opaque((subject,))) for n in inside if n]

    def _parts(
        self, subject: ir.Expr, parts: Sequence[ir.Expr], patterns: Sequence[ast.pattern]
    ) -> tuple[ir.Expr, list[tuple[ir.Expr, ir.Expr]]]:
        """What the patterns of parts of a subject test besides its type, and the names that they bind."""
        test: ir.Expr = ir.Opaque((subject,))
        bound: list[tuple[ir.Expr, ir.Expr]] = []
        for part, pattern in zip(parts, patterns, strict=True):
            inner, names = self._pattern(pattern, part)
            test = test if inner == _ALWAYS else ir.Operation("and", (test, inner))
            bound += names
        return test, bound

    def _assign(self, node: ast.Assign) -> ir.Stmt:
        return ir.Assign(self._exprs(node.targets), self._expr(node.value), self._span(node))

    def _annotated(self, node: ast.AnnAssign) -> ir.Stmt | None:
        if node.value is None:
            return None
        return ir.Assign((self._expr(node.target),), self._expr(node.value), self._span(node))

    def _augmented(self, node: ast.AugAssign) -> ir.Stmt:
        operator = _SYMBOLS[type(node.op)]
        return ir.AugAssign(self._expr(node.target), operator, self._expr(node.value), self._span(node))

    def _evaluate(self, node: ast.Expr) -> ir.Stmt:
        return ir.Evaluate(self._expr(node.value), self._span(node))

    def _return(self, node: ast.Return) -> ir.Stmt:
        value = ir.Literal(None) if node.value is None else self._expr(node.value)
        return ir.Return(value, self._span(node))

    def _global(self, node: ast.Global) -> ir.Share:
        self._rebound.update(node.names)
        return ir.Share(tuple(node.names))

    def _raise(self, node: ast.Raise) -> ir.Stmt:
        value = ir.Literal(None) if node.exc is None else self._expr(node.exc)
        return ir.Raise(value, self._span(node))

    def _assert(self, node: ast.Assert) -> ir.Stmt:
        parts = [node.test] if node.msg is None else [node.test, node.msg]
        return ir.Evaluate(ir.Opaque(self._exprs(parts)), self._span(node))

    def _delete(self, node: ast.Delete) -> ir.Stmt:
        targets = self._exprs(node.targets)
        flat = (t.items if isinstance(t, ir.Sequence) else (t,) for t in targets)
        return ir.Delete(tuple(target for items in flat for target in items), self._span(node))

    def _import(self, node: ast.Import) -> ir.Stmt:
        return ir.Import(
            tuple(name for alias in node.names for name in _plain_import(alias)), self._span(node)
        )

    def _from_import(self, node: ast.ImportFrom) -> ir.Stmt:
        names = (
            ir.Imported(alias.asname or alias.name, node.module or "", node.level, alias.name)
            for alias in node.names
        )
        return ir.Import(tuple(names), self._span(node))

    # ------------------------------------------------------------------------------ expressions

    def _expr(self, node: ast.expr) -> ir.Expr:
        lower = _EXPRESSIONS.get(type(node))
        if lower is not None:
            return lower(self, node)
        return ir.Opaque(self._exprs(c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)))

    def _joined(self, node: ast.JoinedStr) -> ir.Expr:
        parts, texts = list[ast.expr](), [""]
        is_plain = True
        for piece in node.values:
            match piece:
                case ast.Constant(value=text):
                    texts[-1] += str(text)
                case ast.FormattedValue(value=value, conversion=conversion, format_spec=layout):
                    is_plain = is_plain and conversion == -1 and layout is None
                    parts.append(value)
                    texts.append("")
                case _:
                    is_plain = False
        return ir.Opaque(self._exprs(parts), tuple(texts) if is_plain else ())

    def _exprs(self, nodes: Iterable[ast.expr]) -> tuple[ir.Expr, ...]:
        return tuple([self._expr(node) for node in nodes])

    def _call(self, node: ast.Call) -> ir.Expr:
        arguments = [
            ir.Argument(self._expr(a.value), None, "*")
            if isinstance(a, ast.Starred)
            else ir.Argument(self._expr(a))
            for a in node.args
        ]
        arguments += [
            ir.Argument(self._expr(k.value), k.arg, "" if k.arg is not None else "**") for k in node.keywords
        ]
        return ir.Call(self._expr(node.func), tuple(arguments), self._span(node))

    def _subscript(self, node: ast.Subscript) -> ir.Expr:
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
        return ir.Subscript(self._expr(node.value), self._exprs(items or [node.slice]))

    def _slice(self, node: ast.Slice) -> ir.Expr:
        bounds = (node.lower, node.upper, node.step)
        return ir.Slice(tuple(None if bound is None else self._expr(bound) for bound in bounds))

    def _unary(self, node: ast.UnaryOp) -> ir.Expr:
        operand = self._expr(node.operand)
        operator = _SYMBOLS[type(node.op)]
        if operator == "-" and isinstance(operand, ir.Literal) and isinstance(operand.value, (int, float)):
            return ir.Literal(-operand.value)
        return ir.Operation(operator, (operand,))

    def _binary(self, node: ast.BinOp) -> ir.Expr:
        return ir.Operation(_SYMBOLS[type(node.op)], (self._expr(node.left), self._expr(node.right)))

    def _boolean(self, node: ast.BoolOp) -> ir.Expr:
        symbol = _SYMBOLS[type(node.op)]
        return reduce(lambda one, other: ir.Operation(symbol, (one, other)), self._exprs(node.values))

    def _comparison(self, node: ast.Compare) -> ir.Expr:
        operators = tuple(_SYMBOLS[type(operator)] for operator in node.ops)
        return ir.Comparison(self._expr(node.left), operators, self._exprs(node.comparators))

    def _conditional(self, node: ast.IfExp) -> ir.Expr:
        return ir.Conditional(self._expr(node.test), self._expr(node.body), self._expr(node.orelse))

    def _sequence(self, node: ast.Tuple | ast.List | ast.Set) -> ir.Expr:
        return ir.Sequence(type(node).__name__.lower(), self._exprs(node.elts))

    def _dict(self, node: ast.Dict) -> ir.Expr:
        keys = tuple(None if key is None else self._expr(key) for key in node.keys)
        return ir.Mapping(keys, self._exprs(node.values))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> ir.Expr:
        return self._comprehend(node, self._expr(node.elt))

    def _dict_comprehension(self, node: ast.DictComp) -> ir.Expr:
        return self._comprehend(node, ir.Sequence("tuple", self._exprs((node.key, node.value))))

    def _comprehend(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, element: ir.Expr
    ) -> ir.Expr:
        generators = tuple(
            (self._expr(g.target), self._expr(g.iter), self._exprs(g.ifs)) for g in node.generators
        )
        return ir.Comprehension(type(node).__name__, element, generators)

    # ----------------------------------------------------------------------------------- places

    def _span(self, node: ast.stmt | ast.expr) -> ir.Span:
        line, end_line = node.lineno, node.end_lineno or node.lineno
        start, end = node.col_offset, node.end_col_offset or node.col_offset
        if not self._is_ascii:
            start, end = self._column(line, start), self._column(end_line, end)
        return ir.Span(line, start + 1, end_line, end + 1)

    def _column(self, line: int, offset: int) -> int:
        """The column of a place that the parser gives in bytes of UTF-8."""
        text = self._lines[line - 1]
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="replace"))

    def _name_span(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ir.Span:
        """The name in the header of a definition, where it stands on the line of the keyword."""
        whole = self._span(node)
        keyword = _KEYWORD.match(self._lines[whole.line - 1], whole.column - 1)
        if keyword is None:
            return ir.Span(whole.line, whole.column, whole.line, whole.column + 1)
        start = keyword.end() + 1
        return ir.Span(whole.line, start, whole.line, start + len(node.name))


_ALWAYS = ir.Literal(True)
# Classes whose pattern takes the whole subject: `case str(name)`.
_SELF_MATCHING = frozenset("bool bytearray bytes dict float frozenset int list set str tuple".split())


def _is_capture(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None


class _Members:
    """What a module or class body defines."""

    def __init__(self) -> None:
        self.imports: list[ir.Imported] = []
        self.classes: list[ir.ClassFacts] = []
        self.functions: list[ir.FunctionFacts] = []
        self.assigned: list[tuple[str, ir.Expr]] = []
        self.fields: list[str] = []
        self.hints: list[ir.Expr] = []
        self.patched: list[tuple[str, str]] = []


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_TRY = (ast.Try, ast.TryStar)
_COMPOUND = (*_LOOPS, *_TRY, ast.If, ast.With, ast.AsyncWith, ast.Match)

_STATEMENTS: dict[type[ast.stmt], Callable[[_Lowering, Any], ir.Stmt | None]] = {
    ast.FunctionDef: lambda self, node: ir.Define(self._function(node)),
    ast.AsyncFunctionDef: lambda self, node: ir.Define(self._function(node)),
    ast.ClassDef: lambda self, node: ir.Define(self._class(node)),
    ast.If: _Lowering._if,
    ast.For: _Lowering._for,
    ast.AsyncFor: _Lowering._for,
    ast.While: _Lowering._while,
    ast.With: _Lowering._with,
    ast.AsyncWith: _Lowering._with,
    ast.Try: _Lowering._try,
    ast.TryStar: _Lowering._try,
    ast.Match: _Lowering._match,
    ast.Assign: _Lowering._assign,
    ast.AnnAssign: _Lowering._annotated,
    ast.AugAssign: _Lowering._augmented,
    ast.Expr: _Lowering._evaluate,
    ast.Return: _Lowering._return,
    ast.Raise: _Lowering._raise,
    ast.Assert: _Lowering._assert,
    ast.Delete: _Lowering._delete,
    ast.Break: lambda _self, _node: ir.Jump("break"),
    ast.Continue: lambda _self, _node: ir.Jump("continue"),
    ast.Global: _Lowering._global,
    ast.Nonlocal: lambda _self, node: ir.Share(tuple(node.names)),
    ast.Import: _Lowering._import,
    ast.ImportFrom: _Lowering._from_import,
}

_EXPRESSIONS: dict[type[ast.expr], Callable[[_Lowering, Any], ir.Expr]] = {
    ast.Name: lambda _self, node: ir.Name(node.id),
    ast.Constant: lambda _self, node: ir.Literal(node.value),
    ast.JoinedStr: _Lowering._joined,
    ast.Attribute: lambda self, node: ir.Attribute(self._expr(node.value), node.attr),
    ast.Call: _Lowering._call,
    ast.Subscript: _Lowering._subscript,
    ast.Slice: _Lowering._slice,
    ast.UnaryOp: _Lowering._unary,
    ast.BinOp: _Lowering._binary,
    ast.BoolOp: _Lowering._boolean,
    ast.Compare: _Lowering._comparison,
    ast.IfExp: _Lowering._conditional,
    ast.Tuple: _Lowering._sequence,
    ast.List: _Lowering._sequence,
    ast.Set: _Lowering._sequence,
    ast.Dict: _Lowering._dict,
    ast.ListComp: _Lowering._comprehension,
    ast.SetComp: _Lowering._comprehension,
    ast.GeneratorExp: _Lowering._comprehension,
    ast.DictComp: _Lowering._dict_comprehension,
    ast.NamedExpr: lambda self, node: ir.Walrus(ir.Name(node.target.id), self._expr(node.value)),
    ast.Starred: lambda self, node: ir.Starred(self._expr(node.value)),
    ast.Lambda: _Lowering._lambda,
    ast.Yield: _Lowering._yield,
    ast.YieldFrom: _Lowering._yield_from,
}

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def _named(target: ir.Expr, value: ir.Expr) -> Iterator[tuple[str, ir.Expr]]:
    """The names that an assignment binds, each with its value: `WIDTH, HEIGHT = 11, 11` too."""
    match target, value:
        case ir.Name(id=name), _:
            yield name, value
        case ir.Sequence(items=targets), ir.Sequence(items=values) if len(targets) == len(values):
            for part, piece in zip(targets, values, strict=True):
                yield from _named(part, piece)


def _loops(node: ast.stmt) -> bool:
    """Whether a statement is a loop or holds one, outside of definitions."""
    if isinstance(node, _LOOPS):
        return True
    return isinstance(node, _COMPOUND) and any(_loops(inner) for block in _blocks(node) for inner in block)


def _blocks(node: ast.stmt) -> list[list[ast.stmt]]:
    """The suites of a compound statement."""
    named = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
    return [*named, *(part.body for name in ("handlers", "cases") for part in getattr(node, name, ()))]


def _plain_import(alias: ast.alias) -> tuple[ir.Imported, ...]:
    if alias.asname is not None:
        return (ir.Imported(alias.asname, alias.name),)
    top, dot, _ = alias.name.partition(".")
    named = ir.Imported(top, top)
    return (named, ir.Imported(alias.name, alias.name)) if dot else (named,)
