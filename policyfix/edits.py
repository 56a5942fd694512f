"""Edits of source text, found by way of its libcst tree; what no edit covers stays, byte for byte."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TypeVar, cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from policyfix.record import record
from policyfix.remembered import remembered
from policyfix.sources import Source

MAX_LINE = 110  # a list that an edit would make longer is laid out one item a line

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")  # a form feed does not end a line of Python


N = TypeVar("N", bound=cst.CSTNode)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Characters `start` to `end` of a file's text, replaced."""

    start: int
    end: int
    text: str


@record()
class Refusal:
    """Why something is left alone."""

    reason: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made. Raises `ValueError` where they overlap."""
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits):
        if edit.start < position:
            raise ValueError(f"edits overlap at {edit.start}")
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*pieces, text[position:]])


@remembered
def tree_of(source: Source) -> SourceTree:
    """The tree of a source: what fixes there are, and what they change, is asked one after the other."""
    return SourceTree(source)


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
        wrapper = MetadataWrapper(self.module, unsafe_skip_copy=True)
        # Resolving metadata also walks the whole tree for providers that nobody asked for, which costs as
        # much as the positions themselves; the provider's own generator, if libcst has it, leaves that out.
        generate = getattr(PositionProvider(), "_gen", None)
        found = wrapper.resolve(PositionProvider) if generate is None else generate(wrapper)
        return cast("Mapping[cst.CSTNode, CodeRange]", found)

    @cached_property
    def _lines(self) -> list[tuple[int, int]]:
        """Offsets of every line, its newline included."""
        return [m.span() for m in _LINE.finditer(self.text) if m.group()] or [(0, 0)]

    @property
    def newline(self) -> str:
        return self.module.default_newline

    @property
    def indent(self) -> str:
        return self.module.default_indent

    # -------------------------------------------------------------------------------- where

    def offset(self, line: int, column: int) -> int:
        """Offset of a place; line counts from 1, column from 0."""
        return self._lines[line - 1][0] + column

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
        for node in self._nodes(cst.SimpleStatementLine):
            start, end = self.span(node)
            if start <= offset < end:
                return node
        return None

    def call_at(self, line: int, column: int, end_line: int, end_column: int) -> cst.Call | None:
        """The call that stands exactly there, parentheses around it left out; columns count from 1."""
        start, end = self.offset(line, column - 1), self.offset(end_line, end_column - 1)
        around = [c for c in self.calls() if self.span(c.func)[0] == start]
        return min((c for c in around if self.span(c)[1] >= end), key=lambda c: self.span(c)[1], default=None)

    def calls(self) -> list[cst.Call]:
        """Every call in the file, an inner one before the one around it."""
        return self._nodes(cst.Call)

    def _nodes(self, *kinds: type[N]) -> list[N]:
        """The nodes of some kinds, inner ones first. To walk the tree takes libcst ten times as long."""
        return [node for node in self._positions if isinstance(node, kinds)]

    def loops_around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """The loops of the function that a statement stands in, the outermost first."""
        start, end = self.span(node)
        found: list[cst.CSTNode] = []
        for outer in self._nodes(cst.For, cst.While, cst.FunctionDef, cst.ClassDef):
            first, last = self.span(outer)
            if first <= start and end <= last:
                if isinstance(outer, (cst.FunctionDef, cst.ClassDef)):
                    break
                found.insert(0, outer)
        return found

    def calls_of(self, function: str, node: cst.CSTNode) -> list[cst.Call]:
        """The calls in a statement of what is spelled like that."""
        start, end = self.span(node)
        within = [c for c in self.calls() if start <= self.span(c)[0] and self.span(c)[1] <= end]
        return [call for call in within if self.code(call.func) == function]

    def base_call(self, cls: cst.ClassDef) -> tuple[cst.SimpleStatementLine, cst.Call] | Refusal:
        """The statement of the class's own constructor that calls the base's, and the call in it."""
        constructor = self.find_method(cls, "__init__")
        if constructor is None:
            return Refusal(f"{cls.name.value} has no constructor of its own")
        spellings = ("super().__init__", f"super({cls.name.value}, self).__init__")
        found = [
            (statement, small.value)
            for statement in constructor.body.body
            if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1
            for small in statement.body
            if isinstance(small, cst.Expr)
            and isinstance(small.value, cst.Call)
            and self.code(small.value.func) in spellings
        ]
        if len(found) != 1:
            return Refusal("its constructor does not call super().__init__(...) in one statement of its own")
        return found[0]

    def whole(self, node: cst.CSTNode) -> tuple[int, int]:
        """Offsets of the lines of a statement, decorators included."""
        decorators = getattr(node, "decorators", ())
        start = self.span(decorators[0] if decorators else node)[0]
        return self._line_start(start), self._line_end(self.span(node)[1])

    def line(self, node: cst.CSTNode) -> int:
        """The line that a node starts on, from 1."""
        return self._positions[node].start.line

    def indentation(self, node: cst.CSTNode) -> str:
        """White space before a statement."""
        start = self.span(node)[0]
        return self.text[self._line_start(start) : start]

    def _line(self, offset: int) -> int:
        """Number of the line that holds an offset, from 0."""
        return bisect_right(self._lines, offset, key=itemgetter(0)) - 1

    def _line_start(self, offset: int) -> int:
        return self._lines[self._line(offset)][0]

    def _line_end(self, offset: int) -> int:
        """After the newline of the line that holds an offset."""
        return self._lines[self._line(offset)][1]

    # --------------------------------------------------------------------------------- edits

    def replace(self, node: cst.CSTNode, text: str) -> Edit:
        start, end = self.span(node)
        return Edit(start, end, text)

    def insert_before(self, node: cst.CSTNode, lines: Iterable[str]) -> Edit:
        """Lines of code before a statement, indented as it is."""
        start = self.whole(node)[0]
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

    def delete(self, nodes: Sequence[cst.CSTNode], inserted: Iterable[int] = ()) -> list[Edit]:
        """Whole statements: definitions with the comments right above them, and all with so many of the blank
        lines around them that one run of those is left, the longer; none after a header or at the top.

        `inserted`: offsets at which other edits insert lines; where those take the place, blank lines stay.
        """
        runs: list[tuple[int, int]] = []
        for first, last in sorted(self._lines_of(node) for node in nodes):
            gap = range(runs[-1][1] + 1, first) if runs else range(1)
            if runs and all(self._is_blank(i) for i in gap):
                runs[-1] = (runs[-1][0], last)
            else:
                runs.append((first, last))
        return [self._delete_run(*run, inserted) for run in runs]

    def _lines_of(self, node: cst.CSTNode) -> tuple[int, int]:
        """First and last line of a statement, from 0; of a definition with the comments that belong to it."""
        start, end = self.whole(node)
        first, last = self._line(start), self._line(max(end - 1, start))
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            own = len(self.indentation(node))
            while first > 0 and self._comment_depth(first - 1) == own:
                first -= 1
            after = last + 1  # comments that end its body, though no statement follows them
            while self._is_blank(after) or (self._comment_depth(after) or 0) > own:
                if not self._is_blank(after):
                    last = after
                after += 1
        return first, last

    def _delete_run(self, first: int, last: int, inserted: Iterable[int]) -> Edit:
        start, stop = self._lines[first][0], self._lines[last][1]
        if any(start <= offset <= stop for offset in inserted):
            return Edit(start, stop, "")
        above, below = first, last + 1
        while above > 0 and self._is_blank(above - 1):
            above -= 1
        while self._is_blank(below):
            below += 1
        depth = self._depth(first)
        starts = above == 0 or self._depth(above - 1) < depth  # nothing of the same block stands above
        ends = below >= len(self._lines) or self._depth(below) < depth
        if starts and not ends:
            begin, end = above, below
        elif ends or first - above <= below - last - 1:
            begin, end = above, last + 1
        else:
            begin, end = first, below
        return Edit(self._lines[begin][0], self._lines[end - 1][1], "")

    def _is_blank(self, line: int) -> bool:
        return line < len(self._lines) and self._lines[line][0] < len(self.text) and not self._stripped(line)

    def _stripped(self, line: int) -> str:
        return self.text[slice(*self._lines[line])].strip()

    def _depth(self, line: int) -> int:
        text = self.text[slice(*self._lines[line])]
        return len(text) - len(text.lstrip())

    def _comment_depth(self, line: int) -> int | None:
        """Indentation of a comment line; None for other lines."""
        if line >= len(self._lines) or not self._stripped(line).startswith("#"):
            return None
        return self._depth(line)

    def _laid_out(self, lines: Iterable[str], indentation: str) -> str:
        return "".join((indentation + line if line else "") + self.newline for line in lines)

    # ------------------------------------------------------------------------------- lists

    def add_parameters(self, function: cst.FunctionDef, new: list[str]) -> list[Edit]:
        """Parameters at the end of a signature, before its `**kwargs`; laid out as the signature is."""
        named = function.type_parameters or function.name
        opening = self.text.index("(", self.span(named)[1])
        listed = function.params
        marks = [n for n in (listed.posonly_ind, listed.star_arg) if isinstance(n, cst.CSTNode)]
        fixed = [*listed.posonly_params, *listed.params, *listed.kwonly_params, *marks]
        items = sorted(self._parameter_span(node) for node in fixed)
        spread = [] if listed.star_kwarg is None else [self._parameter_span(listed.star_kwarg)]
        return self._add_items(opening, items, spread, new)

    def add_arguments(self, call: cst.Call, new: list[str]) -> list[Edit]:
        """Arguments at the end of a call, before its last `**kwargs`; laid out as the call is."""
        opening = self.text.index("(", self.span(call.func)[1])
        kept = len(call.args)
        while kept and call.args[kept - 1].star == "**":
            kept -= 1
        items = [self.span(argument) for argument in call.args]
        return self._add_items(opening, items[:kept], items[kept:], new)

    def _parameter_span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Offsets of a parameter with its annotation and default, without the comma after it."""
        start = self.span(node)[0]
        if not isinstance(node, cst.Param):
            return start, start + 1  # `*` or `/`
        alone = node.with_changes(
            comma=cst.MaybeSentinel.DEFAULT, whitespace_after_param=cst.SimpleWhitespace("")
        )
        return start, start + len(self.module.code_for_node(alone))

    def _add_items(
        self, opening: int, fixed: list[tuple[int, int]], spread: list[tuple[int, int]], new: list[str]
    ) -> list[Edit]:
        """Adds to a parenthesised list, between its items and its `**` ones: on its line where that stays
        short, else one item a line."""
        if not new:
            return []
        if not fixed:
            return [Edit(opening + 1, opening + 1, ", ".join(new) + (", " if spread else ""))]
        last = fixed[-1][1]
        line = self._line(last)
        comma, rest = self._after_item(last)
        fits = sum(len(item) + 2 for item in new) + self._length(line) <= MAX_LINE
        if not rest:  # the last item ends its line: the new ones get lines of their own after it
            margin = self.text[self._lines[line][0] : last]
            margin = margin[: len(margin) - len(margin.lstrip())]
            end = self._lines[line][1]
            lines = [f"{margin}{item}," for item in new]
            lines[-1] = lines[-1] if comma or spread else lines[-1][:-1]
            opened = [] if comma else [Edit(last, last, ",")]
            return [*opened, Edit(end, end, "".join(text + self.newline for text in lines))]
        if fits:
            return [Edit(last, last, "".join(f", {item}" for item in new))]
        start = self._lines[line][0]
        outer = self.text[start : start + self._depth(line)]
        closing = self.text.find(")", (spread or fixed)[-1][1])
        if not self._line(opening) == line == self._line(closing):
            return [Edit(last, last, "".join(f",{self.newline}{outer}{item}" for item in new))]
        texts = [self.text[slice(*i)] for i in fixed] + new + [self.text[slice(*i)] for i in spread]
        lines = [f"{outer}{self.indent}{text},{self.newline}" for text in texts]
        return [Edit(opening + 1, closing, self.newline + "".join(lines) + outer)]

    def _length(self, line: int) -> int:
        return len(self.text[slice(*self._lines[line])].rstrip("\r\n"))

    def _after_item(self, end: int) -> tuple[bool, str]:
        """Whether a comma follows an item, and what else does on its line but for a comment."""
        rest = self.text[end : self._line_end(end)].strip()
        comma = rest.startswith(",")
        rest = rest.removeprefix(",").strip()
        return comma, "" if rest.startswith("#") else rest


@record()
class Entry:
    """A statement that writes one entry of a TensorDict: `td[key] = value` or `td.set(key, value)`."""

    tensordict: cst.BaseExpression
    key: cst.SimpleString
    value: cst.BaseExpression


def entry_of(statement: cst.SimpleStatementLine) -> Entry | None:
    """The entry that a statement writes; None where it does not just do that."""
    small = statement.body[0] if len(statement.body) == 1 else None
    match small:
        case cst.Assign(
            targets=[
                cst.AssignTarget(
                    target=cst.Subscript(
                        value=td,
                        slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))],
                    )
                )
            ],
            value=value,
        ):
            return Entry(td, key, value)
        case cst.Expr(
            value=cst.Call(
                func=cst.Attribute(value=td, attr=cst.Name(value="set")),
                args=[
                    cst.Arg(value=cst.SimpleString() as key, keyword=None),
                    cst.Arg(value=value, keyword=None, star=""),
                ],
            )
        ):
            return Entry(td, key, value)
    return None
