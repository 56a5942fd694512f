"""Lowering: every kind of statement and expression keeps what it does, and where it stands."""

import pickle
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyfix.facts import ir
from policyfix.facts.lower import extract


def lower(source: str, path: str = "m.py") -> ir.ModuleFacts:
    return extract(textwrap.dedent(source), path)


def body(source: str) -> tuple[ir.Stmt, ...]:
    """The statements of a function with that body."""
    (function,) = lower(
        "async def f(self, x):\n" + textwrap.indent(textwrap.dedent(source), "    ")
    ).functions
    return function.body


def expression(source: str) -> ir.Expr:
    (statement,) = body(source)
    assert isinstance(statement, ir.Evaluate)
    return statement.value


def calls(tree: object) -> list[str]:
    """Names of the functions that are called anywhere in a tree, in no order."""
    return sorted(
        node.function.id
        for node in ir.nodes(tree)
        if isinstance(node, ir.Call) and isinstance(node.function, ir.Name)
    )


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("a = b = c()", ir.Assign),
        ("a: int = c()", ir.Assign),
        ("a[0], *b = c()  # type: ignore", ir.Assign),
        ("a @= c()", ir.AugAssign),
        ("c()", ir.Evaluate),
        ("await c()", ir.Evaluate),
        ("yield c()", ir.Evaluate),
        ("assert x, c()", ir.Evaluate),
        ("return c()", ir.Return),
        ("return", ir.Return),
        ("raise c() from x", ir.Raise),
        ("raise", ir.Raise),
        ("if c(): pass", ir.If),
        ("for a in c(): pass", ir.Loop),
        ("async for a in c(): pass", ir.Loop),
        ("while c(): pass", ir.Loop),
        ("with c() as a, x: pass", ir.With),
        ("async with c(): pass", ir.With),
        ("with (\n    c() as a,\n):\n    pass", ir.With),
        ("try:\n    c()\nexcept E:\n    pass", ir.Try),
        ("try:\n    c()\nexcept* E:\n    pass", ir.Try),
        ("match c():\n    case _: pass", ir.If),
        ("del x[0]", ir.Delete),
        ("import a.b", ir.Import),
        ("global x, y", ir.Share),
        ("nonlocal x", ir.Share),
        ("def g(): c()", ir.Define),
        ("async def g(): c()", ir.Define),
        ("class G:\n    a = c()", ir.Define),
    ],
)
def test_every_statement_is_lowered_with_what_it_does(source: str, kind: type) -> None:
    (statement,) = body(source)
    assert isinstance(statement, kind)
    assert ("c" in calls(statement)) == ("c()" in source)


def test_a_match_is_the_chain_of_tests_that_it_stands_for() -> None:
    source = """
match x:
    case None: a()
    case 1 | "b" if y: b()
    case (p, q): c()
    case Point(x=0, y=v): d()
    case other: e()
"""
    (whole,) = body(source)
    assign, first = whole.body
    subject = assign.targets[0]
    assert first.test == ir.Comparison(subject, ("is",), (ir.Literal(None),))
    (second,) = first.orelse
    either = ir.Operation(
        "or",
        (
            ir.Comparison(subject, ("==",), (ir.Literal(1),)),
            ir.Comparison(subject, ("==",), (ir.Literal("b"),)),
        ),
    )
    assert second.test == ir.Operation("and", (either, ir.Name("y")))
    (third,) = second.orelse
    assert third.body[0].targets == (ir.Sequence("tuple", (ir.Name("p"), ir.Name("q"))),)
    (fourth,) = third.orelse
    assert fourth.body[0].targets == (ir.Name("v"),)
    assert fourth.orelse[0].targets == (ir.Name("other"),)
    assert fourth.orelse[0].value == subject


@pytest.mark.parametrize("source", ["pass", "a: int"])
def test_statements_that_do_nothing_leave_nothing(source: str) -> None:
    assert body(source) == ()


def test_jumps_keep_their_kind() -> None:
    (loop,) = body("while x:\n    if x: break\n    continue")
    assert [n.kind for n in ir.nodes(loop) if isinstance(n, ir.Jump)] in (
        ["break", "continue"],
        ["continue", "break"],
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("None", ir.Literal(None)),
        ("-3", ir.Literal(-3)),
        ("0xFF", ir.Literal(255)),
        ("1_000.5", ir.Literal(1000.5)),
        ("'env' '_obs'", ir.Literal("env_obs")),
        ("...", ir.Literal(...)),
        ("a.b", ir.Attribute(ir.Name("a"), "b")),
        ("a[1, ::2]", ir.Subscript(ir.Name("a"), (ir.Literal(1), ir.Slice((None, None, ir.Literal(2)))))),
        ("not a", ir.Operation("not", (ir.Name("a"),))),
        ("a // b", ir.Operation("//", (ir.Name("a"), ir.Name("b")))),
        ("a or b", ir.Operation("or", (ir.Name("a"), ir.Name("b")))),
        ("a < b <= c", ir.Comparison(ir.Name("a"), ("<", "<="), (ir.Name("b"), ir.Name("c")))),
        ("a is not b", ir.Comparison(ir.Name("a"), ("is not",), (ir.Name("b"),))),
        ("a not in b", ir.Comparison(ir.Name("a"), ("not in",), (ir.Name("b"),))),
        ("a if b else c", ir.Conditional(ir.Name("b"), ir.Name("a"), ir.Name("c"))),
        ("(a, *b)", ir.Sequence("tuple", (ir.Name("a"), ir.Starred(ir.Name("b"))))),
        ("{**a, 'k': b}", ir.Mapping((None, ir.Literal("k")), (ir.Name("a"), ir.Name("b")))),
        ("(n := a)", ir.Walrus(ir.Name("n"), ir.Name("a"))),
        (
            "{k: v for k, v in a if k}",
            ir.Comprehension(
                "DictComp",
                ir.Sequence("tuple", (ir.Name("k"), ir.Name("v"))),
                ((ir.Sequence("tuple", (ir.Name("k"), ir.Name("v"))), ir.Name("a"), (ir.Name("k"),)),),
            ),
        ),
        ("f'{a}!'", ir.Opaque((ir.Name("a"),), ("", "!"))),
        ("await a", ir.Opaque((ir.Name("a"),))),
    ],
)
def test_expressions(source: str, expected: ir.Expr) -> None:
    assert expression(source) == expected


def test_arguments_keep_names_and_stars() -> None:
    call = expression("f(a, *b, k=c, **d)")
    assert isinstance(call, ir.Call)
    assert [(a.keyword, a.star) for a in call.arguments] == [
        (None, ""),
        (None, "*"),
        ("k", ""),
        (None, "**"),
    ]


def test_what_stands_in_strings_and_comments_is_no_code() -> None:
    source = '''
    """td["bptt"] = stamp()"""
    note = "stamp()"  # stamp()
    """
    stamp()
    """
    '''
    assert calls(body(source)) == []


def test_both_sides_of_conditional_definitions_are_kept() -> None:
    facts = lower(
        """
        if fast:
            import torch as t
            class A(B): ...
        elif slow:
            def f(): ...
        else:
            X = 1
        try:
            from a import b
        except ImportError:
            b = None
        finally:
            Y = 2
        with quiet():
            Z = 3
        """
    )
    assert [c.name for c in facts.classes] == ["A"]
    assert [f.name for f in facts.functions] == ["f"]
    assert {name for name, _ in facts.assigned} == {"X", "Y", "Z", "b"}
    assert {i.name for i in facts.imports} == {"t", "b"}


def test_one_line_suites_and_semicolons() -> None:
    facts = lower("class A(B): x = 1; y = 2\ndef f(a): b = a; return b\n")
    assert [name for name, _ in facts.classes[0].attributes] == ["x", "y"]
    assert [type(s) for s in facts.functions[0].body] == [ir.Assign, ir.Return]


def test_nested_classes_and_functions_are_named_as_written() -> None:
    facts = lower(
        """
        class Outer:
            class Inner:
                @property
                def f(self): ...
        """
    )
    (inner,) = facts.classes[0].classes
    assert (inner.qualname, inner.functions[0].qualname) == ("Outer.Inner", "Outer.Inner.f")
    assert inner.functions[0].decorators == (ir.Name("property"),)


def test_headers() -> None:
    cls = lower("@final\nclass A(base.B, Generic[T], *mixins, metaclass=Meta, option=1): ...").classes[0]
    assert cls.bases[0] == ir.Attribute(ir.Name("base"), "B")
    assert cls.bases[2] == ir.Starred(ir.Name("mixins"))
    assert len(cls.bases) == 3
    assert cls.metaclass == ir.Name("Meta")
    assert cls.decorators == (ir.Name("final"),)


def test_the_last_definition_of_a_name_wins() -> None:
    cls = lower("class A:\n    def f(self): return 1\n    def f(self): return 2\n").classes[0]
    found = cls.function("f")
    assert found is not None
    assert isinstance(found.body[0], ir.Return)
    assert found.body[0].value == ir.Literal(2)


def test_parameters_keep_kinds_and_defaults() -> None:
    (function,) = lower("def f(a, /, b, *rest, c, d=1, **more): ...").functions
    assert [(p.name, p.kind) for p in function.parameters] == [
        ("a", "positional-only"),
        ("b", "positional"),
        ("rest", "*"),
        ("c", "keyword"),
        ("d", "keyword"),
        ("more", "**"),
    ]
    assert function.accepts == {"b", "c", "d"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b as c", ir.Imported("c", "a.b")),
        ("from a import b as c", ir.Imported("c", "a", 0, "b")),
        ("from ..a.b import c", ir.Imported("c", "a.b", 2, "c")),
        ("from . import c", ir.Imported("c", "", 1, "c")),
        ("from a import *", ir.Imported("*", "a", 0, "*")),
    ],
)
def test_imports(source: str, expected: ir.Imported) -> None:
    assert lower(source).imports == (expected,)


def test_a_module_imported_by_its_dotted_name_is_known_by_it_too() -> None:
    assert lower("import a.b").imports == (ir.Imported("a", "a"), ir.Imported("a.b", "a.b"))


def test_methods_put_on_a_class_afterwards_are_seen() -> None:
    assert lower("class A: ...\nA.f = g\n").patched == {("A", "f")}


def place(span: ir.Span) -> tuple[int, int, int, int]:
    return span.line, span.column, span.end_line, span.end_column


def test_spans_count_from_one_and_end_behind_the_last_column() -> None:
    source = "class A:\n    def f(self):\n        return g(1)\n"
    function = lower(source).classes[0].functions[0]
    assert place(function.span) == (2, 9, 2, 10)
    call = next(n for n in ir.nodes(function.body) if isinstance(n, ir.Call))
    assert place(call.span) == (3, 16, 3, 20)


def test_spans_count_characters_whatever_the_encoding_and_the_line_ends() -> None:
    for end in ("\n", "\r\n", "\r"):
        source = end.join(["class Ä:", "    def ff(self):", "        ä = 'ß\f'; return g(ü)"])
        function = lower(source).classes[0].functions[0]
        assert place(function.span) == (2, 9, 2, 11)
        call = next(n for n in ir.nodes(function.body) if isinstance(n, ir.Call))
        assert place(call.span) == (3, 26, 3, 30)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async  def f(): ...", (1, 12, 1, 13)),
        ("@decorated\ndef f(): ...", (2, 5, 2, 6)),
        ("def \\\n  f(): ...", (1, 1, 1, 2)),
    ],
)
def test_a_definition_stands_at_its_name(source: str, expected: tuple[int, int, int, int]) -> None:
    assert place(lower(source).functions[0].span) == expected


def test_packages_are_told_by_their_file_name() -> None:
    assert lower("", "a/__init__.py").is_package
    assert lower("", "a\\__init__.py").is_package
    assert not lower("", "a/init.py").is_package


def test_what_is_not_python_raises() -> None:
    with pytest.raises(SyntaxError):
        lower("def f(:")


def test_facts_can_be_pickled_and_lowering_is_repeatable() -> None:
    source = "from a import b\nclass C(b.D):\n    def f(self, td):\n        return [x for x in td]\n"
    first, again = lower(source), pickle.loads(pickle.dumps(lower(source)))
    assert repr(first) == repr(again)


@given(st.text(alphabet="ab=()[]:, .\n\t'#*@", max_size=40))
def test_any_text_is_facts_or_a_syntax_error(source: str) -> None:
    try:
        facts = extract(source, "m.py")
    except (SyntaxError, ValueError):
        return
    assert isinstance(facts, ir.ModuleFacts)
