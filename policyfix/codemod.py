"""The vocabulary that codemods are written in: a source with its tree, edits of it, plans and refusals.

A codemod answers a finding with edits of source text; what no edit covers stays as it is, byte for byte.
"""

from __future__ import annotations

import io
import sys
import tokenize
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar

import libcst as cst
from libcst.metadata import CodeRange

from policyfix.facts.positions import positions
from policyfix.rule import Finding, Fix, Tier, modules_of
from policyfix.sources import Source
from policyfix.subjects import PolicyClass

PACKAGE = "policyfix.codemods"
ENTRY_POINTS = "policyfix.codemods"  # packages of third-party codemods
MAX_LINE = 120  # a list that an edit would make longer is laid out one item a line


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Characters `start` to `end` of a file's text, replaced."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a codemod would do about a finding."""

    fix: Fix
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a codemod leaves something alone."""

    reason: str


class Codemod(ABC):
    """One rewrite. It names the rules that it answers by code."""

    answers: ClassVar[tuple[str, ...]]
    tier: ClassVar[Tier] = Tier.SAFE
    # Where several codemods answer a rule, the lower one is asked first, and its edits win.
    priority: ClassVar[int] = 10

    @abstractmethod
    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        """The edits that satisfy the rule, or why there are none."""

    def fix(self, title: str, edits: Iterable[Edit]) -> Plan:
        return Plan(Fix(self.tier, title), tuple(sorted(edits)))


@cache
def discover() -> tuple[Codemod, ...]:
    """Every codemod, ours and those of installed packages, in the order in which they are asked."""
    found = [
        value()
        for module in modules_of(PACKAGE, ENTRY_POINTS)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Codemod) and value.__module__ == module.__name__
    ]
    return tuple(sorted(found, key=lambda c: (c.priority, c.answers)))


def plan(finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
    """The first plan that a codemod has for a finding; else all their reasons."""
    reasons = []
    for codemod in discover():
        if finding.code in codemod.answers:
            outcome = codemod.plan(finding, policy, tree)
            if isinstance(outcome, Plan):
                return outcome
            reasons.append(outcome.reason)
    return Refusal("; ".join(reasons) or f"no fix exists for {finding.code}")


class SourceTree:
    """A source text with its libcst tree, and the edits that can be made of it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text

    @cached_property
    def module(self) -> cst.Module:
        return cst.parse_module(self.text)

    @cached_property
    def _positions(self) -> Mapping[cst.CSTNode, CodeRange]:
        return positions(self.module)

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for i, character in enumerate(self.text):
            if character == "\n" or (character == "\r" and self.text[i + 1 : i + 2] != "\n"):
                starts.append(i + 1)
        return starts

    @property
    def newline(self) -> str:
        return self.module.default_newline

    @property
    def indent(self) -> str:
        return self.module.default_indent

    # -------------------------------------------------------------------------------- where

    def offset(self, line: int, column: int) -> int:
        """Offset of a place; line counts from 1, column from 0."""
        return self._line_starts[line - 1] + column

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end offset of a node, without the comments and blank lines before it."""
        position = self._positions[node]
        return (
            self.offset(position.start.line, position.start.column),
            self.offset(position.end.line, position.end.column),
        )

    def code(self, node: cst.CSTNode) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def find_class(self, qualname: str) -> cst.ClassDef | None:
        """The class of that qualified name; the last one where there are several."""
        body: Iterable[cst.CSTNode] = self.module.body
        found: cst.ClassDef | None = None
        for name in qualname.split("."):
            matches = [n for n in body if isinstance(n, cst.ClassDef) and n.name.value == name]
            if not matches:
                return None
            found = matches[-1]
            body = found.body.body
        return found

    def find_function(self, qualname: str) -> cst.FunctionDef | None:
        """The function or method of that qualified name."""
        prefix, _, name = qualname.rpartition(".")
        if prefix:
            cls = self.find_class(prefix)
            return None if cls is None else self.find_method(cls, name)
        matches = [n for n in self.module.body if isinstance(n, cst.FunctionDef) and n.name.value == name]
        return matches[-1] if matches else None

    @staticmethod
    def find_method(cls: cst.ClassDef, name: str) -> cst.FunctionDef | None:
        matches = [n for n in cls.body.body if isinstance(n, cst.FunctionDef) and n.name.value == name]
        return matches[-1] if matches else None

    def statement_at(self, line: int, column: int) -> cst.SimpleStatementLine | None:
        """The simple statement that starts at or around a place; column counts from 1."""
        offset = self.offset(line, column - 1)
        found: list[cst.SimpleStatementLine] = []
        self.module.visit(_Statements(found))
        for node in found:
            start, end = self.span(node)
            if start <= offset < end:
                return node
        return None

    def whole(self, node: cst.CSTNode) -> tuple[int, int]:
        """Offsets of the lines of a statement, decorators included."""
        decorators = getattr(node, "decorators", ())
        start = self.span(decorators[0] if decorators else node)[0]
        return self._line_start(start), self._line_end(self.span(node)[1])

    def indentation(self, node: cst.CSTNode) -> str:
        """White space before a statement."""
        start = self.span(node)[0]
        return self.text[self._line_start(start) : start]

    # --------------------------------------------------------------------------------- edits

    def replace(self, node: cst.CSTNode, text: str) -> Edit:
        start, end = self.span(node)
        return Edit(start, end, text)

    def insert_before(self, node: cst.CSTNode, lines: Iterable[str]) -> Edit:
        """Lines of code before a statement, indented as it is."""
        start = self._line_start(self.span(node)[0])
        return Edit(start, start, self._laid_out(lines, self.indentation(node)))

    def insert_first(self, function: cst.FunctionDef, lines: Iterable[str]) -> Edit | Refusal:
        """Lines of code at the start of a function, after its docstring."""
        body = function.body.body
        if not isinstance(function.body, cst.IndentedBlock):
            return Refusal(f"{function.name.value} is written on one line")
        if function.get_docstring() is None:
            return self.insert_before(body[0], lines)
        return self.insert_after(body[0], lines)

    def add_method(self, cls: cst.ClassDef, lines: Iterable[str]) -> Edit | Refusal:
        """A method at the end of a class."""
        if not isinstance(cls.body, cst.IndentedBlock):
            return Refusal(f"{cls.name.value} is written on one line")
        return self.insert_after(cls.body.body[-1], ["", *lines])

    def insert_after(self, node: cst.CSTNode, lines: Iterable[str]) -> Edit:
        """Lines of code after a statement, indented as it is."""
        end = self._line_end(self.span(node)[1])
        text = self._laid_out(lines, self.indentation(node))
        if self.text[end - 1 : end] not in ("\n", "\r"):  # the file ends without a newline
            text = self.newline + text.removesuffix(self.newline)
        return Edit(end, end, text)

    def delete(self, node: cst.CSTNode) -> Edit:
        """A whole statement with the comments right above it and the blank lines above those."""
        start, end = self.whole(node)
        lines = self.text[:start].splitlines(keepends=True)
        is_definition = isinstance(node, (cst.FunctionDef, cst.ClassDef))
        while is_definition and lines and lines[-1].lstrip().startswith("#"):
            start -= len(lines.pop())
        while is_definition and lines and not lines[-1].strip():
            start -= len(lines.pop())
        return Edit(start, end, "")

    def add_parameters(self, function: cst.FunctionDef, new: list[str]) -> list[Edit]:
        """Parameters at the end of a signature, before its `**kwargs`; laid out as the signature is."""
        return self._add_items(self.text.index("(", self.span(function.name)[1]), new)

    def add_arguments(self, call: cst.Call, new: list[str]) -> list[Edit]:
        """Arguments at the end of a call, before its `**kwargs`; laid out as the call is."""
        return self._add_items(self.text.index("(", self.span(call.func)[1]), new)

    def _add_items(self, opening: int, new: list[str]) -> list[Edit]:
        """Adds to the list whose parenthesis opens there: on its line where that stays short, else one item
        a line."""
        if not new:
            return []
        items, closing = self._items(opening)
        fixed = [i for i in items if not self.text.startswith("**", i[0])]
        spread = items[len(fixed) :]
        if not fixed:
            return [Edit(opening + 1, opening + 1, ", ".join(new) + (", " if spread else ""))]
        last = fixed[-1][1]
        if "\n" in self.text[opening:closing]:
            indentation = self.text[self._line_start(last) :]
            indentation = indentation[: len(indentation) - len(indentation.lstrip(" \t"))]
            return [Edit(last, last, "".join(f",{self.newline}{indentation}{item}" for item in new))]
        line = self._line_start(opening)
        length = self._line_end(closing) - line + sum(len(item) + 2 for item in new)
        if length <= MAX_LINE:
            return [Edit(last, last, "".join(f", {item}" for item in new))]
        outer = self.text[line : len(self.text) - len(self.text[line:].lstrip(" \t"))]
        texts = [self.text[slice(*i)] for i in fixed] + new + [self.text[slice(*i)] for i in spread]
        lines = [f"{outer}{self.indent}{text},{self.newline}" for text in texts]
        return [Edit(opening + 1, closing, self.newline + "".join(lines) + outer)]

    def _items(self, opening: int) -> tuple[list[tuple[int, int]], int]:
        """Offsets of the items of a parenthesised list, without commas and comments, and of its end."""
        line = bisect_right(self._line_starts, opening)
        first_column = opening - self._line_starts[line - 1]
        items: list[tuple[int, int]] = []
        depth, start, end = 0, None, 0
        lines = io.StringIO(self.text[opening:], newline="").readline
        for token in tokenize.generate_tokens(lines):
            row, column = token.start
            at = self.offset(line + row - 1, column + (first_column if row == 1 else 0))
            if token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT):
                continue
            depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
            if depth == 0 or (depth == 1 and token.string == ","):
                if start is not None:
                    items.append((start, end))
                start = None
                if depth == 0:
                    return items, at
            elif at > opening:
                start = at if start is None else start
                end = at + len(token.string)
        raise ValueError(f"no list opens at {opening}")

    def _laid_out(self, lines: Iterable[str], indentation: str) -> str:
        return "".join((indentation + line if line else "") + self.newline for line in lines)

    def _line_start(self, offset: int) -> int:
        before = self.text[:offset]
        return max(before.rfind("\n"), before.rfind("\r")) + 1

    def _line_end(self, offset: int) -> int:
        """After the newline of the line that holds an offset."""
        for i in range(offset, len(self.text)):
            if self.text[i] == "\n":
                return i + 1
            if self.text[i] == "\r":
                return i + (2 if self.text[i + 1 : i + 2] == "\n" else 1)
        return len(self.text)

    # ------------------------------------------------------------------------------- imports

    def import_name(self, module: str, name: str) -> Edit | Refusal | None:
        """`from module import name` at the top of the file; None where the name is imported already."""
        last: cst.CSTNode | None = None
        before: cst.CSTNode | None = None
        for statement in self.module.body:
            if isinstance(statement, (cst.FunctionDef, cst.ClassDef)) and statement.name.value == name:
                return Refusal(f"the file defines another {name}")
            if not isinstance(statement, cst.SimpleStatementLine):
                continue
            for small in statement.body:
                if isinstance(small, (cst.Import, cst.ImportFrom)):
                    last = statement
                if not isinstance(small, cst.ImportFrom) or isinstance(small.names, cst.ImportStar):
                    continue
                origin = _module_name(small)
                for alias in small.names:
                    bound = alias.evaluated_alias or alias.evaluated_name
                    if bound == name:
                        same = origin == module and alias.evaluated_name == name and not small.relative
                        return None if same else Refusal(f"the file imports another {name}")
                if small.relative or origin.partition(".")[0] in sys.stdlib_module_names:
                    continue
                if before is None and origin > module:
                    before = statement
        line = [f"from {module} import {name}"]
        if before is not None:
            return self.insert_before(before, line)
        if last is not None:
            return self.insert_after(last, line)
        return self._import_on_top(line)

    def _import_on_top(self, line: list[str]) -> Edit:
        """A first import: after the docstring, before everything else."""
        body = self.module.body
        if body and self.module.get_docstring() is not None:
            return self.insert_after(body[0], ["", *line])
        start = self._line_start(self.span(body[0])[0]) if body else len(self.text)
        return Edit(start, start, self._laid_out([*line, "", ""], ""))

    def unused_imports(self, edits: Iterable[Edit]) -> list[Edit]:
        """The removal of imports that only the edited code used."""
        after = cst.parse_module(apply(self.text, edits))
        used_before, used_after = _dotted_names(self.module), _dotted_names(after)
        removals: list[Edit] = []
        for statement in self.module.body:
            if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
                continue
            small = statement.body[0]
            comment = statement.trailing_whitespace.comment
            if not isinstance(small, (cst.Import, cst.ImportFrom)) or comment is not None:
                continue
            if isinstance(small.names, cst.ImportStar) or len(small.names) != 1:
                continue  # one name of several stays: its line may be laid out by hand
            if isinstance(small, cst.ImportFrom) and _module_name(small) == "__future__":
                continue
            alias = small.names[0]
            name = alias.evaluated_alias or alias.evaluated_name
            if name in used_before and name not in used_after:
                removals.append(self.delete(statement))
        return removals


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made; they must not overlap."""
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits):
        if edit.start < position:
            raise ValueError(f"edits overlap at {edit.start}")
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*pieces, text[position:]])


class _Statements(cst.CSTVisitor):
    def __init__(self, found: list[cst.SimpleStatementLine]) -> None:
        super().__init__()
        self._found = found

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:  # noqa: N802
        self._found.append(node)
        return False


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _module_name(node: cst.ImportFrom) -> str:
    return "" if node.module is None else _code(node.module)


def _dotted_names(module: cst.Module) -> set[str]:
    """Every dotted name in the code outside imports, with all its prefixes; names in strings too."""
    names: set[str] = set()
    for node in _walk(module):
        dotted = _dotted(node)
        if dotted is not None:
            names.add(dotted)
        elif isinstance(node, cst.SimpleString) and isinstance(node.evaluated_value, str):
            names.add(node.evaluated_value)
    return names


def _walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    todo = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, (cst.Import, cst.ImportFrom)):
            continue
        yield current
        todo.extend(current.children)


def _dotted(node: cst.CSTNode) -> str | None:
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        prefix = _dotted(node.value)
        return None if prefix is None else f"{prefix}.{node.attr.value}"
    return None
