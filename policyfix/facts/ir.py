"""What one file says, as plain data: the shapes that facts are made of.

A file is lowered once from its syntax tree to these nodes and the tree is dropped. The nodes keep just what
the linker and the flow need: names, calls, stores, branches, and where each stands. They are frozen, hashable
and picklable.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import get_args

from policyfix.record import record
from policyfix.remembered import remembered


@record()
class Span:
    """A range of source text: lines and columns count from 1, the end column is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


NOWHERE = Span(0, 0, 0, 0)


# --------------------------------------------------------------------------------------- expressions


@record()
class Name:
    id: str


@record()
class Literal:
    """A constant: str, bytes, int, float, complex, bool, None or Ellipsis."""

    value: object


@record()
class Attribute:
    value: Expr
    name: str


@record()
class Argument:
    """One argument of a call; `star` is "", "*" or "**"."""

    value: Expr
    keyword: str | None = None
    star: str = ""


@record()
class Call:
    function: Expr
    arguments: tuple[Argument, ...]
    span: Span


@record()
class Slice:
    parts: tuple[Expr | None, ...]


@record()
class Subscript:
    value: Expr
    items: tuple[Expr, ...]


@record()
class Operation:
    """A unary, binary or boolean operation; `operator` is its spelling (`+`, `not`, `and`, ...)."""

    operator: str
    operands: tuple[Expr, ...]


@record()
class Comparison:
    left: Expr
    operators: tuple[str, ...]
    rights: tuple[Expr, ...]


@record()
class Conditional:
    test: Expr
    body: Expr
    orelse: Expr


@record()
class Sequence:
    """A tuple, list or set display; `kind` names which."""

    kind: str
    items: tuple[Expr, ...]


@record()
class Starred:
    value: Expr


@record()
class Mapping:
    """A dict display; a key of None is a `**spread`."""

    keys: tuple[Expr | None, ...]
    values: tuple[Expr, ...]


@record()
class Comprehension:
    """A list, set, dict comprehension or generator; a dict's element is a pair."""

    kind: str
    element: Expr
    generators: tuple[tuple[Expr, Expr, tuple[Expr, ...]], ...]  # (target, iterable, conditions)


@record()
class Walrus:
    target: Name
    value: Expr


@record()
class Lambda:
    function: FunctionFacts


@record()
class Yield:
    value: Expr


@record()
class Opaque:
    """An expression whose value is not followed; its parts are, for what they do."""

    parts: tuple[Expr, ...] = ()
    texts: tuple[str, ...] = ()  # of an f-string: what stands before each part, and after the last one


Expr = (
    Name
    | Literal
    | Attribute
    | Call
    | Slice
    | Subscript
    | Operation
    | Comparison
    | Conditional
    | Sequence
    | Starred
    | Mapping
    | Comprehension
    | Walrus
    | Lambda
    | Yield
    | Opaque
)


# ---------------------------------------------------------------------------------------- statements


@record()
class Assign:
    """`a = b = value`; an annotated assignment is one too."""

    targets: tuple[Expr, ...]
    value: Expr
    span: Span


@record()
class AugAssign:
    target: Expr
    operator: str
    value: Expr
    span: Span


@record()
class Evaluate:
    """An expression statement, an assertion or the like: evaluated for what it does."""

    value: Expr
    span: Span


@record()
class Return:
    value: Expr
    span: Span


@record()
class Raise:
    value: Expr
    span: Span


@record()
class Jump:
    """`break` or `continue`."""

    kind: str


@record()
class If:
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    span: Span


@record()
class Loop:
    """`for target in iterable` or, without a target, `while iterable`."""

    target: Expr | None
    iterable: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    span: Span


@record()
class With:
    items: tuple[tuple[Expr, Expr | None], ...]
    body: tuple[Stmt, ...]
    span: Span


@record()
class Try:
    body: tuple[Stmt, ...]
    handlers: tuple[tuple[Stmt, ...], ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]
    span: Span


@record()
class Delete:
    targets: tuple[Expr, ...]
    span: Span


@record()
class Imported:
    """A name bound by an import: `module` as written, `level` leading dots, `attribute` of a from-import.

    `from m import *` binds the name "*"; `import a.b` binds "a", and makes `a.b` one that means the module.
    """

    name: str
    module: str
    level: int = 0
    attribute: str | None = None


@record()
class Import:
    names: tuple[Imported, ...]
    span: Span


@record()
class Share:
    """`global` or `nonlocal`."""

    names: tuple[str, ...]


@record()
class Define:
    """A function or class defined inside a function."""

    what: FunctionFacts | ClassFacts


Stmt = (
    Assign
    | AugAssign
    | Evaluate
    | Return
    | Raise
    | Jump
    | If
    | Loop
    | With
    | Try
    | Delete
    | Import
    | Share
    | Define
)


# ----------------------------------------------------------------------------------------- the facts


@record()
class Parameter:
    """`kind` is "positional-only", "positional", "keyword", "*" or "**"."""

    name: str
    kind: str
    default: Expr | None = None
    annotation: Expr | None = None


@record(eq=False)
class FunctionFacts:
    name: str
    qualname: str
    parameters: tuple[Parameter, ...]
    decorators: tuple[Expr, ...]
    body: tuple[Stmt, ...]
    span: Span  # the name in the header
    _nodes: tuple[object, ...] = ()

    @property
    def nodes(self) -> tuple[object, ...]:
        """Every node of the body."""
        if not self._nodes:
            object.__setattr__(self, "_nodes", tuple(nodes(self.body)))
        return self._nodes

    def parameter(self, kind: str) -> Parameter | None:
        return next((p for p in self.parameters if p.kind == kind), None)

    @property
    def accepts(self) -> frozenset[str]:
        """Names that may be passed as keywords."""
        return frozenset(p.name for p in self.parameters if p.kind in ("positional", "keyword"))


@record(eq=False)
class ClassFacts:
    name: str
    qualname: str
    bases: tuple[Expr, ...]
    decorators: tuple[Expr, ...]
    functions: tuple[FunctionFacts, ...]  # in source order: a later one of the same name wins
    classes: tuple[ClassFacts, ...]
    attributes: tuple[tuple[str, Expr], ...]  # assigned in the class body
    fields: tuple[str, ...]  # annotated in the class body: what a dataclass is built with, in that order
    hints: tuple[Expr, ...]  # their annotations
    metaclass: Expr | None
    span: Span

    def function(self, name: str) -> FunctionFacts | None:
        """What the class defines under a name, or under another one that it gives the name."""
        given = (value for key, value in self.attributes if key == name)
        other = next((id for value in given if (id := _renamed(value)) is not None), None)
        found = (f for wanted in (name, other) for f in reversed(self.functions) if f.name == wanted)
        return next((f for f in found if not _sets(f)), None)

    def setter(self, name: str) -> FunctionFacts | None:
        """What runs where a property of that name is given a value."""
        return next((f for f in reversed(self.functions) if f.name == name and _sets(f) == "setter"), None)

    def defines(self, name: str) -> bool:
        return self.function(name) is not None or any(key == name for key, _ in self.attributes)


def _renamed(value: Expr) -> str | None:
    """The function that a name is another one for: `run`, `torch.compile(run)`."""
    match value:
        case Name(id=name):
            return name
        case Call(
            function=Attribute(value=Name(id="torch"), name="compile"),
            arguments=(Argument(Name(id=name)), *_),
        ):
            return name
        case _:
            return None


def _sets(function: FunctionFacts) -> str | None:
    """Whether a function is the "setter" or the "deleter" of a property: a second one of the same name."""
    for decorator in function.decorators:
        if isinstance(decorator, Attribute) and decorator.name in ("setter", "deleter"):
            return decorator.name
    return None


# The fields of every kind of node that can hold others.
_LEAVES = ("str", "str | None", "object", "Span")
_PARTS = {
    cls: tuple(n for n, kind in cls.__annotations__.items() if kind not in _LEAVES and n[0] != "_")
    for cls in (*get_args(Expr), *get_args(Stmt), Argument, Parameter, Imported, FunctionFacts, ClassFacts)
}


_LARGEST_TABLE = 1000  # what is longer is data: to go through it at every use takes all the steps of a run


def is_spelt_out(expr: Expr) -> bool:
    """Whether an expression is a literal, or a display of literals that is not there to be filled."""
    empty = expr in (Mapping((), ()), Sequence("list", ()), Sequence("set", ()))
    parts = list(islice(nodes(expr), _LARGEST_TABLE + 1))
    return (
        not empty
        and len(parts) <= _LARGEST_TABLE
        and all(isinstance(part, (Literal, Sequence, Mapping)) for part in parts)
    )


def head(expr: Expr) -> Expr:
    """`x` of `x.y.z`."""
    while isinstance(expr, Attribute):
        expr = expr.value
    return expr


def nodes(tree: object) -> Iterator[object]:
    """Every node of a statement, an expression or a tuple of them, the tree itself included."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if type(node) is tuple:
            todo.extend(node)
        elif (parts := _PARTS.get(type(node))) is not None:
            yield node
            for name in parts:
                todo.append(getattr(node, name))


def blocks(statement: Stmt) -> tuple[tuple[Stmt, ...], ...]:
    """The blocks of statements that a statement holds."""
    match statement:
        case If() | Loop():
            return statement.body, statement.orelse
        case With():
            return (statement.body,)
        case Try():
            return (*statement.handlers, statement.body, statement.orelse, statement.final)
    return ()


def bound(node: object) -> frozenset[str]:
    """The names that a statement, or a walrus, gives another value or, as in `x[i] = v`, other contents."""
    match node:
        case Assign(targets=targets):
            pass
        case AugAssign(target=target) | Loop(target=target) | Walrus(target=target):
            targets = () if target is None else (target,)
        case With(items=items):
            targets = tuple(target for _, target in items if target is not None)
        case _:
            return frozenset()
    found: set[str] = set()
    todo = list(targets)
    while todo:
        match todo.pop():
            case Name(id=name):
                found.add(name)
            case Sequence(items=parts):
                todo += parts
            case Starred(value=inner) | Subscript(value=inner) | Attribute(value=inner):
                todo.append(inner)
    return frozenset(found)


@remembered
def _spoken(tree: object) -> tuple[frozenset[str], frozenset[str]]:
    """The names and the strings of a class, a function or a tuple of statements."""
    names: set[str] = set()
    strings: set[str] = set()
    for node in _within(tree):
        if isinstance(node, Name):  # a `match` takes half as long again
            names.add(node.id)
        elif isinstance(node, Attribute):
            names.add(node.name)
        elif isinstance(node, Literal) and isinstance(node.value, str):
            strings.add(node.value)
    return frozenset(names), frozenset(strings)


def _within(tree: object) -> Iterator[object]:
    """Every node but functions and classes, whose own are kept."""
    match tree:
        case ClassFacts():
            yield from nodes((tree.bases, tree.decorators, tree.attributes, tree.metaclass))
            for inner in (*tree.functions, *tree.classes):
                yield from _within(inner)
        case FunctionFacts():
            yield from nodes((tree.parameters, tree.decorators))
            yield from tree.nodes
        case _:
            yield from nodes(tree)


def names_in(tree: object) -> frozenset[str]:
    """The names and attributes that a class, a function or a tuple of statements speaks of."""
    return _spoken(tree)[0]


def strings_in(tree: object) -> frozenset[str]:
    """The string literals in a class, a function or a tuple of statements."""
    return _spoken(tree)[1]


def words_in(tree: object) -> frozenset[str]:
    """Everything that facts speak of, by name or in a string."""
    return names_in(tree) | strings_in(tree)


@record()
class ModuleFacts:
    """Everything that one file says of itself. `path` is as given, `is_package` for `__init__.py`."""

    path: str
    imports: tuple[Imported, ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    functions: tuple[FunctionFacts, ...] = ()
    assigned: tuple[tuple[str, Expr], ...] = ()
    # `Class.name = ...` below the class; "*" where it is rebuilt
    patched: frozenset[tuple[str, str]] = frozenset()
    is_package: bool = False
    script: tuple[Stmt, ...] = ()  # what runs on import, where a loop is among it
    rebound: frozenset[str] = frozenset()  # names that functions declare global
    _by_name: dict[str, ClassFacts | FunctionFacts | Imported | Expr] | None = None

    def lookup(self, name: str) -> ClassFacts | FunctionFacts | Imported | Expr | None:
        """What a module-level name is bound to; definitions win over imports of the same name."""
        if self._by_name is None:
            known: dict[str, ClassFacts | FunctionFacts | Imported | Expr] = {
                **{binding.name: binding for binding in self.imports},
                **dict(self.assigned),
                **{function.name: function for function in self.functions},
                **{cls.name: cls for cls in self.classes},
            }
            object.__setattr__(self, "_by_name", known)
            return known.get(name)
        return self._by_name.get(name)

    def constant(self, name: str) -> Expr | None:
        """What the file spells out under a name, where nothing in it gives the name another value."""
        values = [value for key, value in self.assigned if key == name]
        is_one = bool(values) and name not in self.rebound and all(value == values[0] for value in values)
        return values[0] if is_one and is_spelt_out(values[0]) else None


def classes(owner: ModuleFacts | ClassFacts) -> Iterator[ClassFacts]:
    """The classes in a file or a class, in the order in which they begin, nested ones too."""
    for cls in owner.classes:
        yield cls
        yield from classes(cls)
