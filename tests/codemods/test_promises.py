"""What codemods promise of every file that they touch, over classic agents in many hands."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from classic_agents import MIGRATED, REFUSED, Files

from policyfix import contract, engine
from policyfix.rewrite import Rewrite, rewrite, write

ALL: dict[str, Files] = MIGRATED | {name: files for name, (files, _) in REFUSED.items()}
ERASED = {"forward", "_convert_action_to_logit_index", "_convert_logit_index_to_action"}


def mended(files: dict[str, bytes], twice: bool = True) -> tuple[bytes, Rewrite]:
    """`agent.py` after a rewrite that was written to disk, which a second one leaves as it is."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        outcome = rewrite([folder], contract.load())
        write(outcome.changes)
        if twice:
            again = rewrite([folder], contract.load())
            assert again.changes == []
            assert again.fixed == []
            assert {f.code for f in again.left.findings} == {f.code for f in outcome.left.findings}
        for file in files.keys() - {"agent.py"}:
            assert (folder / file).read_bytes() == files[file], f"{file} was nobody's fault"
        return (folder / "agent.py").read_bytes(), outcome


@cache
def plain(name: str) -> tuple[str, Rewrite]:
    data, outcome = mended({file: text.encode() for file, text in ALL[name].items()})
    return data.decode(), outcome


@pytest.mark.parametrize("name", MIGRATED)
def test_a_classic_agent_is_migrated_and_nothing_is_left_to_find(name: str) -> None:
    after, outcome = plain(name)
    assert [f.title for f in outcome.fixed] == ["migrate Agent to policyfix.runtime.RecurrentPolicy"]
    ignored = {"num_layers of its own meaning": ["PF209"]}.get(name, [])  # the parameter that nothing reads
    assert [finding.code for finding in outcome.left.findings] == ignored
    cls = next(n for n in ast.parse(after).body if isinstance(n, ast.ClassDef) and n.name == "Agent")
    assert [ast.unparse(base) for base in cls.bases] == ["RecurrentPolicy"]
    methods = {n.name for n in cls.body if isinstance(n, ast.FunctionDef)}
    assert {"__init__", "describe"} <= methods
    assert not methods & ERASED


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_merely_similar_is_not_migrated_and_the_reason_is_said(name: str, tmp_path: Path) -> None:
    files, reason = REFUSED[name]
    after, _ = plain(name)
    assert "def forward" in after
    assert "(RecurrentPolicy)" not in after
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    found = engine.check([tmp_path], contract.load()).findings
    said = [f.unfixed for f in found if f.code == "PF301"]
    assert len(said) == 1
    assert said[0] is not None
    assert "Agent is not migrated: " in said[0] or not reason
    assert reason in said[0]


@pytest.mark.parametrize("name", ALL)
def test_only_edited_statements_are_touched(name: str) -> None:
    before, (after, _) = ALL[name]["agent.py"], plain(name)
    ast.parse(after)
    open_lines = editable(before, migrated=name in MIGRATED)
    old, new = before.splitlines(), after.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, *_ in matcher.get_opcodes():
        if tag in ("replace", "delete"):
            strangers = [old[i] for i in range(start, end) if i + 1 not in open_lines and old[i].strip()]
            assert strangers == []
    kept = [line for i, line in enumerate(old, 1) if i not in open_lines and line.strip()]
    rest = iter(new)
    assert [line for line in kept if line not in rest] == [], "kept lines changed their order"


def editable(text: str, migrated: bool) -> set[int]:
    """Lines of statements that a rewrite may edit: imports, the class line, constructor signature and base
    call, the methods that go with the comments around them, the call of the core, what keeps its state."""
    lines: set[int] = set()
    tree = ast.parse(text)
    rows = text.splitlines()
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                lines |= set(range(node.lineno, (node.end_lineno or 0) + 1))
            case ast.ClassDef(name="Agent"):
                lines.add(node.lineno)
            case ast.FunctionDef(name="__init__"):
                lines |= set(range(node.lineno, node.body[0].lineno))
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="__init__"))):
                lines |= set(range(node.lineno, (node.end_lineno or 0) + 1))
            case ast.Assign(value=ast.Call(func=ast.Attribute(attr="lstm"))):
                lines |= set(range(node.lineno, (node.end_lineno or 0) + 1))
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value="act_log_prob"))]):
                lines |= set(range(node.lineno, (node.end_lineno or 0) + 1))  # PF107
            case ast.Assign() | ast.If() | ast.With() if re.search(
                r"self\._(state|h|c)\b", ast.unparse(node)
            ):
                lines |= set(range(node.lineno, (node.end_lineno or 0) + 1))  # PF203, PF204
            case ast.FunctionDef(name="get_memory" | "set_memory" | "reset_memory"):
                lines |= set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="arange" | "zeros" | "tensor")):
                lines |= set(range(node.lineno, (node.end_lineno or 0) + 1))
            case ast.FunctionDef(name=name) if migrated and name in ERASED:
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                last = node.end_lineno or 0
                while rows[first - 2].strip().startswith("#"):
                    first -= 1
                while rows[last].startswith("        #"):
                    last += 1
                lines |= set(range(first, last + 1))
    return lines


# ------------------------------------------------------------------------------------------- encodings

Variant = tuple[Callable[[str], bytes], Callable[[bytes], str]]


def tabbed(text: str) -> str:
    return "".join(
        "\t" * ((len(line) - len(line.lstrip(" "))) // 4) + line.lstrip(" ")
        for line in text.splitlines(keepends=True)
    )


def lone(text: str, ending: str) -> str:
    """The text with plain newlines; raises where one of them was plain before."""
    assert "\n" not in text.replace(ending, "")
    return text.replace(ending, "\n")


VARIANTS: dict[str, Variant] = {
    "CRLF": (lambda t: t.replace("\n", "\r\n").encode(), lambda d: lone(d.decode(), "\r\n")),
    "BOM": (lambda t: b"\xef\xbb\xbf" + t.encode(), lambda d: d.removeprefix(b"\xef\xbb\xbf").decode()),
    "latin-1": (
        lambda t: ("# -*- coding: latin-1 -*-\n# caf\xe9\n" + t).encode("latin-1"),
        lambda d: d.decode("latin-1").removeprefix("# -*- coding: latin-1 -*-\n# caf\xe9\n"),
    ),
    "tabs": (lambda t: tabbed(t).encode(), lambda d: d.decode().replace("\t", "    ")),
    "no final newline": (lambda t: t.removesuffix("\n").encode(), lambda d: d.decode() + "\n"),
    "form feed": (
        lambda t: t.replace("\n    def describe", "\n    \f\n    def describe").encode(),
        lambda d: d.decode().replace("    \f\n", ""),
    ),
    "no-break space in a comment": (
        lambda t: t.replace('return "stays"', 'return "stays"  # a\xa0b\x1c\u2028c').encode(),
        lambda d: d.decode().replace("  # a\xa0b\x1c\u2028c", ""),
    ),
    "blank lines of white space": (
        lambda t: t.replace("\n\n    def describe", "\n    \n    def describe").encode(),
        lambda d: d.decode().replace("\n    \n", "\n\n"),
    ),
}
SHAPES = ("docstrings and comments", "signature over lines, with comments", "temperature", "own state")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SHAPES)
def test_the_bytes_around_the_edits_stay_whatever_they_are(name: str, variant: str) -> None:
    into, back = VARIANTS[variant]
    files = {file: text.encode() for file, text in ALL[name].items()}
    files["agent.py"] = into(ALL[name]["agent.py"])
    data, _ = mended(files, twice=False)
    assert back(data) == plain(name)[0]
    if variant in ("BOM", "latin-1"):
        assert data.startswith(files["agent.py"][:3])


def test_two_classes_of_one_file_are_migrated_in_one_go() -> None:
    text = ALL["classic"]["agent.py"]
    start = text.index("class Agent")
    files = {file: t.encode() for file, t in ALL["classic"].items()}
    files["agent.py"] = (text + "\n\n" + text[start:].replace("class Agent", "class Other")).encode()
    data, outcome = mended(files)
    after = data.decode()
    assert outcome.left.findings == []
    assert after.count("(RecurrentPolicy)") == 2
    assert after.count("import RecurrentPolicy") == 1
    assert "LSTMWrapper" not in after
    assert after.count('return "stays"') == 2


def test_suites_on_one_line_stay() -> None:
    text = ALL["classic"]["agent.py"].replace(
        '    def describe(self):\n        return "stays"\n', '    def describe(self): return "stays"\n'
    )
    files = {file: t.encode() for file, t in ALL["classic"].items()} | {"agent.py": text.encode()}
    data, outcome = mended(files)
    assert outcome.left.findings == []
    assert b'    def describe(self): return "stays"\n' in data


def test_spacing_is_what_formatters_leave_alone() -> None:
    for name in ("classic", "docstrings and comments", "forward first", "temperature"):
        after, _ = plain(name)
        assert "\n\n\n\n" not in after
        rows = after.splitlines()
        for above, here, below in zip(rows, rows[1:], rows[2:], strict=False):
            if here.startswith("class "):
                assert below.strip(), f"a blank line after the header: {here}"
            if not here and below.startswith("    "):
                assert above, "two blank lines inside a class"
        assert "\n\n\nclass Agent" in after


def test_detaching_names_every_attribute_that_is_kept() -> None:
    after, outcome = plain("own state, shown to others")
    assert "self._state = tuple(s.detach() for s in self._state)" in after
    assert "PF201" not in {f.code for f in outcome.left.findings}
