"""What the texts of a project say, without any of them being parsed, and whether it stays so."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from policyfix.record import record
from policyfix.sources import is_config

# An attribute that is given a value, or an item of it: in an assignment, a tuple of targets or a loop; what a
# comment says counts too. What follows a `=` is no target, but a keyword's value:
# `f(clip_range=cfg.clip_range, ...)`.
# A tuple of more than 200 characters may be one of targets.
_STORE = re.compile(
    rb"\.(?<![^\w.]self\.)(\w++)"
    rb"(?=[ \t]*+(?:\[(?:[^\[\]\n]|\[[^\[\]\n]*+\])*+\][ \t]*+)*+"
    rb"(?:\)?[ \t]*+=(?!=)|,[^()=]{0,200}?(?:\)?[ \t]*+=(?!=)|\bin\b)|,[^()=]{200}))"
)
# Up to its dot, what it is an attribute of: any name but `self` alone.
_OWNER = re.compile(rb"(?:(?<![=.\w])(?<!= )(?!self\.\Z)(?:\w+\.)+|[\])]\.(?:\w+\.)*)\Z")


def _assigned_in(data: bytes) -> Iterator[bytes]:
    """Attributes that a text gives a value, of another name than `self`."""
    for found in _STORE.finditer(data):
        if _OWNER.search(data, data.rfind(b"\n", 0, found.start()) + 1, found.start() + 1):
            yield found[1]


@record()
class Question:
    """Whether the text of some file, other than one, holds all of the words, has a match of each pattern, and
    assigns the attribute."""

    words: tuple[bytes, ...] = ()
    patterns: tuple[bytes, ...] = ()
    assigned: bytes | None = None
    besides: str | None = None

    def fits(self, data: bytes) -> bool:
        return (
            all(word in data for word in self.words)
            and all(re.search(pattern, data) for pattern in self.patterns)
            and (self.assigned is None or self.assigned in _assigned_in(data))
        )


@dataclass
class Grounds:
    """What findings rest on: the files that were followed, and what was asked of the texts of all others."""

    followed: set[str] = field(default_factory=set)
    first: dict[Question, str | None] = field(default_factory=dict)  # the first file that answers it
    holding: dict[tuple[bytes, ...], frozenset[str]] = field(default_factory=dict)  # files with all the words

    def __or__(self, other: Grounds) -> Grounds:
        return Grounds(self.followed | other.followed, self.first | other.first, self.holding | other.holding)

    def hold(self, path: str, data: bytes) -> bool:
        """Whether they stay as they are where a file has another text than before."""
        if path in self.followed or any(path in files for files in self.holding.values()):
            return False
        if any(all(word in data for word in words) for words in self.holding):
            return False
        return not any(
            first == path or (first is None and question.besides != path and question.fits(data))
            for question, first in self.first.items()
        )


class Texts:
    """The texts of files, given by their absolute paths, which are listed when something is asked."""

    def __init__(self, files: Callable[[], list[Path]], read: Callable[[Path], bytes]) -> None:
        self._list = files
        self._read = read
        self._held: dict[tuple[bytes, ...], list[tuple[Path, bytes]]] = {}
        self.grounds = Grounds()

    def assigns(self, attribute: str) -> bool:
        """Whether some file gives `x.attribute`, or an item of it, a value, where x is not `self`."""
        name = attribute.encode()
        question = Question((b"." + name,), assigned=name)
        return self.grounds.first.setdefault(question, self._assigned.get(name)) is not None

    @cached_property
    def _assigned(self) -> dict[bytes, str]:
        """Attributes, and the first file that gives one a value."""
        found: dict[bytes, str] = {}
        for path, data in self._all:
            for name in _assigned_in(data):
                found.setdefault(name, str(path))
        return found

    def say(self, pattern: bytes, part: bytes = b"") -> bool:
        """Whether a pattern is found in some file; `part` is a piece of all that it matches."""
        return self._is_answered(Question((part,), (pattern,)))

    def others_say(self, path: str, words: Iterable[str], *patterns: bytes) -> bool:
        """Whether some file other than this one holds all of the names, and has a match of each pattern."""
        parts = tuple(word.encode() for word in words)
        names = (rb"\b%s\b" % re.escape(part) for part in parts)
        return self._is_answered(Question(parts, (*names, *patterns), besides=os.path.abspath(path)))

    def files_with(self, *words: str) -> list[Path]:
        """The Python files whose text holds all of the words, in order of their paths."""
        parts = tuple(word.encode() for word in words)
        found = sorted(path for path, _ in self._with(parts) if not is_config(path))
        self.grounds.holding[parts] = frozenset(map(str, found))
        return found

    def _is_answered(self, question: Question) -> bool:
        known = self.grounds.first
        if question not in known:
            texts = ((str(path), data) for path, data in self._with(question.words))
            fitting = (path for path, data in texts if path != question.besides and question.fits(data))
            known[question] = next(fitting, None)
        return known[question] is not None

    def _with(self, words: tuple[bytes, ...]) -> list[tuple[Path, bytes]]:
        if words not in self._held:
            texts = self._all
            for word in filter(None, words):
                texts = [(path, data) for path, data in texts if word in data]
            self._held[words] = texts
        return self._held[words]

    @cached_property
    def files(self) -> list[Path]:
        return self._list()

    @cached_property
    def _all(self) -> list[tuple[Path, bytes]]:
        return [(path, self._read(path)) for path in self.files]
