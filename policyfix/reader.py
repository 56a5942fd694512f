"""Files on disk (and such as are not yet there) -> sources, headers, facts; each read once."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from symtable import symtable
from typing import TYPE_CHECKING

from policyfix import index, sources
from policyfix.facts import ir
from policyfix.finding import Problem

if TYPE_CHECKING:
    from policyfix.facts.parsed import Parsed


class Reader:
    """Gives what a file says, or keeps the problem that it has."""

    def __init__(self, observation_key: str, overlay: Mapping[Path, sources.Source] | None = None) -> None:
        self._observation_key = observation_key
        self._overlay = overlay or {}  # contents that are not on disk (yet)
        self._sources: dict[Path, sources.Source | None] = {}
        self._trees: dict[Path, Parsed] = {}
        self.problems: dict[Path, Problem] = {}

    def source(self, path: Path) -> sources.Source | None:
        path = path.absolute()
        if path not in self._sources:
            try:
                self._sources[path] = self._overlay.get(path) or sources.read(path)
            except sources.SourceError as error:
                self._sources[path] = None
                self.problems[path] = Problem(str(path), error.line, error.reason)
        return self._sources[path]

    def headers(self, path: Path) -> index.Headers | None:
        source = self.source(path)
        return None if source is None else index.scan(source.data, self._observation_key)

    def facts(self, path: Path) -> ir.ModuleFacts | None:
        # Imported here: where nothing has to be parsed, loading libcst would take longer than all else.
        import libcst as cst

        from policyfix.facts.lower import lower

        source = self.source(path)
        if source is None:
            return None
        try:
            with _collector_paused():
                return lower(cst.parse_module(source.text), str(path), lambda: self.tree(path))
        except cst.ParserSyntaxError as error:
            # Python's own message is the clearer one, where it refuses the file too.
            refused = _syntax_error(source.data)
            line = error.raw_line if refused is None else refused.lineno
            reason = error.message.splitlines()[0] if refused is None else refused.msg
            self.problems[path.absolute()] = Problem(str(path), line, f"is not valid Python: {reason}")
        except RecursionError:
            self.problems[path.absolute()] = Problem(str(path), None, "is nested too deeply to be read")
        return None

    def tree(self, path: Path) -> Parsed:
        """The tree of a file that has facts, with the positions of its nodes."""
        from policyfix.facts.parsed import parse

        path = path.absolute()
        if path not in self._trees:
            source = self.source(path)
            assert source is not None
            with _collector_paused():
                self._trees[path] = parse(source.text)
        return self._trees[path]

    def broken(self, paths: Iterable[Path]) -> dict[Path, Problem]:
        """Problems of files that hold no subject, and need no facts: are they Python at all?"""
        for path in paths:
            source = self.source(path)
            if source is None:
                continue
            try:
                refused = _syntax_error(source.data) is not None
            except (ValueError, RecursionError, MemoryError):
                refused = True
            if refused:
                self.facts(path)  # libcst reads newer syntax than the interpreter may know
        return self.problems


def _syntax_error(data: bytes) -> SyntaxError | None:
    """What the interpreter says against a source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # Parses, without the tree of Python objects that would take as long again.
            symtable(data, "", "exec")  # type: ignore[arg-type]
        except SyntaxError as error:
            return error
    return None


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Trees are many small objects that all die together: collecting among them costs a third more time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
