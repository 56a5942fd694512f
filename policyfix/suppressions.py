"""Comments that silence findings: `# policyfix: ignore[PF101] -- why`.

Python's own tokenizer tells comments from strings, and only files that hold the marker are read at all.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence

from policyfix.config import did_you_mean
from policyfix.record import record

MARKER = b"policyfix:"
WORDS = ("ignore", "file-ignore")

_DIRECTIVE = re.compile(
    r"#\s*policyfix:\s*(?P<word>[\w-]+)"
    r"(?P<list>\s*\[(?P<names>[^\]]*)\])?"
    r"(?:\s*--\s*(?P<reason>\S.*?)|(?P<rest>.*?))(?=\s*#(?!\d)|\s*$)"  # `-- see #12` is a reason
)
_QUIET = frozenset({tokenize.NL, tokenize.INDENT, tokenize.DEDENT})


@record()
class Suppression:
    """One comment, and the lines that it speaks of: of a statement, of a whole class or function where it
    stands at the header, or of the file."""

    range: tuple[int, int, int, int]  # line, column, end line, end column, as in a span
    first: int
    last: int
    names: tuple[str, ...]
    reason: str | None
    trouble: str | None  # why it silences nothing, where it is not well formed

    def covers(self, line: int) -> bool:
        return self.trouble is None and self.first <= line <= self.last


@record()
class _Statement:
    """A logical line, or the header of a block."""

    first: int
    last: int
    depth: int
    tokens: tuple[str, ...]  # the first two

    @property
    def is_decorator(self) -> bool:
        return self.tokens[0] == "@"

    @property
    def is_definition(self) -> bool:
        return self.tokens[0] in ("class", "def") or self.tokens == ("async", "def")


def read(text: str) -> tuple[Suppression, ...]:
    """The suppressions of a source text; none where it cannot be split into tokens."""
    try:
        statements, comments = _outline(text)
    except (tokenize.TokenError, SyntaxError):
        return ()  # not Python: that is told elsewhere, and there are no findings to silence
    return tuple(s for comment, index in comments for s in _suppressions(comment, index, statements))


def _outline(text: str) -> tuple[list[_Statement], list[tuple[tokenize.TokenInfo, int]]]:
    """The statements of a text, and its comments, each with the index of the statement that it speaks of: the
    one that it stands in or behind, or, on a line of its own, the next."""
    statements: list[_Statement] = []
    comments: list[tuple[tokenize.TokenInfo, int]] = []
    line: list[tokenize.TokenInfo] = []
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
        if token.type == tokenize.COMMENT:
            comments.append((token, len(statements)))
        elif token.type == tokenize.NEWLINE:
            if line:
                words = tuple(t.string for t in line[:2])
                statements.append(_Statement(line[0].start[0], token.start[0], depth, words))
            line = []
        elif token.type not in _QUIET:
            line.append(token)
        depth += (token.type == tokenize.INDENT) - (token.type == tokenize.DEDENT)
    return statements, comments


def _suppressions(
    comment: tokenize.TokenInfo, index: int, statements: Sequence[_Statement]
) -> Iterator[Suppression]:
    row, column = comment.start
    for found in _DIRECTIVE.finditer(comment.string):
        trouble = _trouble(found)
        if trouble == "":
            continue  # somebody speaks about policyfix
        names = tuple(n.strip() for n in (found["names"] or "").split(",") if n.strip())
        is_file = found["word"] == "file-ignore"
        first, last = (1, 2**31) if is_file else _extent(index, statements)
        place = (row, column + found.start() + 1, row, column + found.end() + 1)
        yield Suppression(place, first, last, names, found["reason"], trouble)


def _trouble(found: re.Match[str]) -> str | None:
    """What is wrong with a comment; None where nothing is, "" where it is not meant as a suppression."""
    word, rest = found["word"], (found["rest"] or "").strip()
    if word not in WORDS:
        hint = did_you_mean(word, WORDS)
        return f"policyfix: {word} is not understood{hint}" if hint else ""
    if not (found["names"] or "").strip():
        return "" if rest else f"it names no rule: write {word}[PF101]"
    if rest:
        return "what follows the brackets is not understood: write -- before the reason"
    return None


def _extent(index: int, statements: Sequence[_Statement]) -> tuple[int, int]:
    """First and last line of a statement, with its decorators and its block where it is a definition."""
    if index >= len(statements):
        return 1, 0  # after the last statement: nothing
    first = statements[index].first
    while statements[index].is_decorator and index + 1 < len(statements):
        index += 1
    head = statements[index]
    last = head.last
    if head.is_definition:
        for statement in statements[index + 1 :]:
            if statement.depth <= head.depth:
                break
            last = statement.last
    return first, last
