"""Edits of source text: lists grow as they are laid out, statements go without leaving holes."""

# ruff: noqa: E501 - tables of sources read best one case a line

from __future__ import annotations

import ast

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyfix.edits import MAX_LINE, Edit, Refusal, SourceTree, apply
from policyfix.imports import import_name, unused_imports
from policyfix.sources import decode


def tree_of(text: str) -> SourceTree:
    return SourceTree(decode(text.encode(), "a.py"))


def first_call(tree: SourceTree) -> cst.Call:
    statement = tree.module.body[0]
    assert isinstance(statement, cst.SimpleStatementLine)
    expression = statement.body[0]
    assert isinstance(expression, cst.Expr)
    assert isinstance(expression.value, cst.Call)
    return expression.value


# --------------------------------------------------------------------------------------------- lists

DEFAULTS = st.sampled_from(
    [
        "1",
        "(1)",
        "','",
        '")"',
        "f(a, b)",
        "[1, (2,), {3: 4}]",
        "lambda a, **b: (a, b)",
        "x if y else z",
        '"""#"""',
    ]
)
COMMENTS = st.sampled_from(["", "  # why, (not)", "  #)"])
LAYOUTS = st.sampled_from(["one line", "lines", "hanging", "lines, no comma"])
NEW = st.lists(st.sampled_from(["new_a=0.0", "new_b=300", "new_c='x, y'"]), min_size=1, unique=True)


def laid_out(items: list[str], layout: str, comments: list[str], comma: bool) -> str:
    if layout == "one line":
        return ", ".join(items) + ("," if comma and items and not items[-1].startswith("*") else "")
    if layout == "hanging":
        return (",\n       ").join(items)
    tail = "" if layout == "lines, no comma" else ","
    rows = [
        f"    {item}{',' if i < len(items) - 1 else tail}{comments[i % 3]}\n" for i, item in enumerate(items)
    ]
    return "\n" + "".join(rows)


@st.composite
def signatures(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=4))
    items = [
        f"{name}: T[int, str] = {draw(DEFAULTS)}" if draw(st.booleans()) else f"{name}={draw(DEFAULTS)}"
        for name in names
    ]
    split = draw(st.integers(0, len(items)))
    star = draw(st.sampled_from(["none", "*", "*args", "/"]))
    if star == "*" and split < len(items):
        items.insert(split, "*")
    elif star == "*args":
        items.insert(split, "*args")
    elif star == "/" and split:
        items.insert(split, "/")
    if draw(st.booleans()):
        items.append("**kwargs")
    comments = [draw(COMMENTS) for _ in range(3)]
    inside = laid_out(items, draw(LAYOUTS), comments, draw(st.booleans())) if items else ""
    return f"def f({inside}):\n    return g(1)  # )\n"


@given(signatures(), NEW)
@settings(max_examples=150, deadline=None)
def test_parameters_are_added_at_the_end_and_nothing_else_changes(text: str, new: list[str]) -> None:
    tree = tree_of(text)
    function = tree.find_function("f")
    assert function is not None
    after = apply(text, tree.add_parameters(function, new))
    old = ast.parse(text).body[0]
    wanted = ast.parse(ast.unparse(old)).body[0]
    assert isinstance(wanted, ast.FunctionDef)
    for item in new:
        name, _, value = item.partition("=")
        default = ast.parse(value, mode="eval").body
        arguments = wanted.args
        if arguments.vararg or arguments.kwonlyargs:
            arguments.kwonlyargs.append(ast.arg(name))
            arguments.kw_defaults.append(default)
        else:
            arguments.args.append(ast.arg(name))
            arguments.defaults.append(default)
    assert ast.unparse(ast.parse(after).body[0]) == ast.unparse(ast.fix_missing_locations(wanted))
    for comment in ("# why, (not)", "#)", "# )"):
        assert after.count(comment) == text.count(comment)


@st.composite
def calls(draw: st.DrawFn) -> str:
    items = draw(st.lists(DEFAULTS, max_size=3))
    items += [
        f"{name}={draw(DEFAULTS)}"
        for name in draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=2))
    ]
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), "*rest") if not any("=" in i for i in items) else None
    if draw(st.booleans()):
        items.append("**kwargs")
    comments = [draw(COMMENTS) for _ in range(3)]
    inside = laid_out(items, draw(LAYOUTS), comments, draw(st.booleans())) if items else ""
    function = draw(st.sampled_from(["f", "super().g", "h(1, ')')[0]", "(k)"]))
    return f"{function}({inside})  # (\n"


@given(calls(), NEW)
@settings(max_examples=150, deadline=None)
def test_arguments_are_added_before_the_spread_ones_and_nothing_else_changes(
    text: str, new: list[str]
) -> None:
    tree = tree_of(text)
    after = apply(text, tree.add_arguments(first_call(tree), new))
    wanted = ast.parse(text).body[0]
    assert isinstance(wanted, ast.Expr)
    assert isinstance(wanted.value, ast.Call)
    keywords = wanted.value.keywords
    place = len(keywords) - (bool(keywords) and keywords[-1].arg is None)
    added = [ast.keyword(i.partition("=")[0], ast.parse(i.partition("=")[2], mode="eval").body) for i in new]
    keywords[place:place] = added
    assert ast.unparse(ast.parse(after).body[0]) == ast.unparse(wanted)
    for comment in ("# why, (not)", "#)", "# ("):
        assert after.count(comment) == text.count(comment)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a)\n", "f(a, x=1, y=2)\n"),
        ("f()\n", "f(x=1, y=2)\n"),
        ("f(**k)\n", "f(x=1, y=2, **k)\n"),
        ("f(a, **k)\n", "f(a, x=1, y=2, **k)\n"),
        ("f(**k, a=1)\n", "f(**k, a=1, x=1, y=2)\n"),
        ("f(\n    a,\n)\n", "f(\n    a,\n    x=1,\n    y=2,\n)\n"),
        ("f(\n    a\n)\n", "f(\n    a,\n    x=1,\n    y=2\n)\n"),
        ("f(\n    a,  # why\n    **k,\n)\n", "f(\n    a,  # why\n    x=1,\n    y=2,\n    **k,\n)\n"),
        ("f(\n    a, b)\n", "f(\n    a, b, x=1, y=2)\n"),
    ],
)
def test_a_list_grows_as_it_is_laid_out(before: str, after: str) -> None:
    tree = tree_of(before)
    assert apply(before, tree.add_arguments(first_call(tree), ["x=1", "y=2"])) == after


def test_a_line_that_would_get_too_long_is_laid_out_one_item_a_line() -> None:
    before = f"    f({'a' * (MAX_LINE - 10)}, b)\n"
    text = "if x:\n" + before
    tree = tree_of(text)
    (call,) = tree.calls_of("f", tree.module.body[0])
    after = apply(text, tree.add_arguments(call, ["x=1"]))
    assert after == f"if x:\n    f(\n        {'a' * (MAX_LINE - 10)},\n        b,\n        x=1,\n    )\n"


# ------------------------------------------------------------------------------------------ deletions

CLASS = """\
class A:
{above}    def one(self):
        return 1
{between}    # what two does
    @deco
    def two(self):
        return 2
        # still two
{below}    def three(self):
        return 3
"""


@pytest.mark.parametrize("above", ["", '    """Doc."""\n\n', "    x = 1\n\n"])
@pytest.mark.parametrize("gone", [["one"], ["two"], ["three"], ["one", "two"], ["two", "three"]])
def test_definitions_go_with_their_comments_and_leave_one_blank_line(above: str, gone: list[str]) -> None:
    text = CLASS.format(above=above, between="\n", below="\n") + "\n\nclass B:\n    pass\n"
    tree = tree_of(text)
    cls = tree.find_class("A")
    assert cls is not None
    methods = [tree.find_method(cls, name) for name in gone]
    after = apply(text, tree.delete([m for m in methods if m is not None]))
    kept = {
        "one": "    def one(self):\n        return 1\n",
        "two": "    # what two does\n    @deco\n    def two(self):\n        return 2\n        # still two\n",
        "three": "    def three(self):\n        return 3\n",
    }
    body = "\n".join(code for name, code in kept.items() if name not in gone)
    assert after == f"class A:\n{above}{body}\n\nclass B:\n    pass\n"


@pytest.mark.parametrize(
    ("text", "gone", "after"),
    [
        ("import a\n\nimport b\n\n\nclass C: ...\n", [1], "import a\n\n\nclass C: ...\n"),
        ("import a\n\nimport b\n\nimport c\n", [1], "import a\n\nimport c\n"),
        ("import a\n\nimport b\n\n\nx = 1\n", [0, 1], "x = 1\n"),
        ("x = 1\nimport a\nimport b", [2], "x = 1\nimport a\n"),
        ("import a\n# about b\nimport b\n\nx = 1\n", [0], "# about b\nimport b\n\nx = 1\n"),
        ("x = 1\n\n\nimport a\n\nimport b\n\n\ny = 2\n", [1, 2], "x = 1\n\n\ny = 2\n"),
    ],
)
def test_of_the_blank_lines_around_a_statement_the_longer_run_is_left(
    text: str, gone: list[int], after: str
) -> None:
    tree = tree_of(text)
    assert apply(text, tree.delete([tree.module.body[i] for i in gone])) == after


# -------------------------------------------------------------------------------------------- imports


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "from lib import Name\n\n\n"),
        ('"""Doc."""\n', '"""Doc."""\n\nfrom lib import Name\n'),
        ("import os\n\nx = 1\n", "import os\n\nfrom lib import Name\n\nx = 1\n"),
        ("import torch\nfrom torch import nn\n", "import torch\nfrom lib import Name\nfrom torch import nn\n"),
        ("from abc import ABC\n\nfrom .net import Net\n", "from abc import ABC\n\nfrom lib import Name\n\nfrom .net import Net\n"),
        ("from lib import Other\n", "from lib import Name, Other\n"),
        ("from lib import clip\n", "from lib import Name, clip\n"),
        ("from lib import (\n    Other,\n)\n", "from lib import (\n    Other,\n)\nfrom lib import Name\n"),
        ("import attr\nclass A: ...\nimport zoo\n", "import attr\nfrom lib import Name\nclass A: ...\nimport zoo\n"),
        ("from __future__ import annotations\nx = 1\n", "from __future__ import annotations\n\nfrom lib import Name\nx = 1\n"),
    ],
)  # fmt: skip
def test_an_import_finds_its_place_among_those_above_the_code(text: str, after: str) -> None:
    tree = tree_of(text)
    edit = import_name(tree, "lib", "Name")
    assert isinstance(edit, Edit)
    assert apply(text, [edit]) == after
    assert import_name(tree_of(after), "lib", "Name") is None


@pytest.mark.parametrize(
    "text",
    [
        "from other import Name\n",
        "from .lib import Name\n",
        "from lib import Thing as Name\n",
        "import other as Name\n",
        "class Name: ...\n",
        "def Name(): ...\n",
        "Name = None\n",
        "try:\n    from other import Name\nexcept ImportError:\n    Name = None\n",
    ],
)
def test_a_name_that_means_something_else_is_refused(text: str) -> None:
    assert isinstance(import_name(tree_of(text), "lib", "Name"), Refusal)


def test_imports_go_only_when_nothing_names_them_any_more() -> None:
    text = (
        "import a.b\nimport used\nimport kept  # noqa: F401\nfrom c import one, two\nfrom d import T\n"
        "from e import U\nfrom __future__ import annotations\n\nx: 'T' = a.b.f(used.g, one, U)\ny: 'list[T]' = used.h()\n"
    )
    tree = tree_of(text)
    edit = tree.replace(tree.module.body[7], "x = 1")
    after = apply(text, [edit, *unused_imports(tree, [edit])])
    assert after == (
        "import used\nimport kept  # noqa: F401\nfrom c import one, two\nfrom d import T\n"
        "from __future__ import annotations\n\nx = 1\ny: 'list[T]' = used.h()\n"
    )


def test_edits_that_overlap_are_an_error() -> None:
    with pytest.raises(ValueError, match="overlap at 1"):
        apply("abc", [Edit(0, 2, "x"), Edit(1, 3, "y")])
