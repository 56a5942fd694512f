"""Files on disk (and such as are not yet there) -> sources, headers, facts; each read once."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from symtable import symtable
from typing import TYPE_CHECKING

from policyfix import index, sources, suppressions
from policyfix.aside import aside
from policyfix.cache import Cache, Stat, digest, stat
from policyfix.finding import Problem

if TYPE_CHECKING:
    import libcst as cst

    from policyfix.contract import Contract
    from policyfix.facts import ir
    from policyfix.facts.parsed import Parsed

LARGEST = 2_000_000  # bytes: what is larger was not written by hand, and takes minutes to follow
MUCH = 500_000  # bytes of Python whose syntax takes longer to check than a process to start


class Reader:
    """Gives what a file says, or keeps the problem that it has."""

    def __init__(
        self,
        contract: Contract,
        overlay: Mapping[Path, sources.Source] | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._contract = contract
        self.overlay = overlay or {}  # contents that are not on disk (yet)
        self._cache = cache
        self._index: dict[str, _Entry] = (cache and cache.load("index")) or {}
        self._sources: dict[Path, sources.Source | None] = {}
        self._trees: dict[Path, Parsed] = {}
        self._fresh: dict[Path, cst.Module] = {}
        self._unproved: list[Path] = []
        self._proof: Callable[[], dict[Path, Problem]] | None = None
        self.problems: dict[Path, Problem] = {}
        self.asked: set[Path] = set()

    def source(self, path: Path) -> sources.Source | None:
        path = path.absolute()
        self.asked.add(path)
        if path not in self._sources:
            try:
                self._sources[path] = self.overlay.get(path) or sources.read(path)
            except sources.SourceError as error:
                self._sources[path] = None
                self.problems[path] = Problem(str(path), error.line, error.reason)
        return self._sources[path]

    def data(self, path: Path) -> bytes:
        """The bytes of a file; none where it cannot be read."""
        source = self.source(path)
        return b"" if source is None else source.data

    def headers(self, path: Path) -> index.Headers | None:
        entry = self._entry(path)
        return None if entry is None else entry.headers

    def trains(self, path: Path) -> bool:
        """Whether a file may hold code around a policy."""
        entry = self._entry(path)
        return entry is not None and entry.trains

    def observes(self, path: Path) -> bool:
        """Whether a file speaks of the observation."""
        entry = self._entry(path)
        return entry is not None and entry.observes

    def _entry(self, path: Path) -> _Entry | None:
        self.asked.add(path.absolute())
        now = None if path.absolute() in self.overlay else stat(path)
        entry = self._index.get(str(path.absolute()))
        if entry is not None and entry.stat == now:
            return entry
        source = self.source(path)
        if source is None:
            return None
        headers = index.scan(source.data, self._contract.observation_key)
        trains = index.trains(source.data, self._contract)
        observes = self._contract.observation_key.encode() in source.data
        entry = _Entry(now, headers, suppressions.MARKER in source.data, trains, observes)
        self._index[str(path.absolute())] = entry
        return entry

    def will_parse(self, paths: Iterable[Path]) -> bool:
        """Whether some of the files have facts that nobody has kept."""
        for path in paths:
            source = self.source(path)
            if source is not None and not (self._cache and self._cache.holds(self._name(source, path))):
                return True
        return False

    @staticmethod
    def _name(source: sources.Source, path: Path) -> str:
        return f"facts/{digest(source.data, str(path))}"

    def facts(self, path: Path) -> ir.ModuleFacts | None:
        source = self.source(path)
        if source is None:
            return None
        name = self._name(source, path)
        facts: ir.ModuleFacts | None = self._cache.load(name) if self._cache else None
        if facts is None:
            facts = self._lower(source, path)
            if facts is not None and self._cache:
                self._cache.keep(name, facts)
        if facts is not None:
            facts.ranges.find = lambda: self._ranges(path)
        return facts

    def _lower(self, source: sources.Source, path: Path) -> ir.ModuleFacts | None:
        if len(source.data) > LARGEST:
            reason = f"has more than {LARGEST // 1_000_000} MB, too much to be followed: exclude it"
            self.problems[path.absolute()] = Problem(str(path), None, reason)
            return None
        # Imported here: where nothing has to be parsed, loading libcst would take longer than all else.
        import libcst as cst

        from policyfix.facts.lower import lower

        try:
            with _collector_paused():
                tree = self._fresh[path.absolute()] = cst.parse_module(source.text)
                return lower(tree, str(path))
        except (cst.ParserSyntaxError, cst.CSTLogicError, SyntaxError, ValueError) as error:
            # Libcst fails in several ways, and over literals that it does not look into, we do. Python's own
            # message is the clearer one, where it refuses the file too.
            refused = _syntax_error(source.data)
            if refused is not None:
                line, reason = refused.lineno, refused.msg
            elif isinstance(error, cst.ParserSyntaxError):
                line, reason = error.raw_line, error.message.splitlines()[0]
            else:
                line, reason = None, f"libcst cannot read it ({error})"
            self.problems[path.absolute()] = Problem(str(path), line, f"is not valid Python: {reason}")
        except RecursionError:
            self.problems[path.absolute()] = Problem(str(path), None, "is nested too deeply to be read")
        return None

    def _ranges(self, path: Path) -> list[ir.Range]:
        from policyfix.facts.lower import ranges

        return ranges(self.tree(path))

    def forget(self) -> None:
        """Drops trees that nobody has asked for: they are large."""
        self._fresh.clear()

    def tree(self, path: Path) -> Parsed:
        """The tree of a file that has facts, with the positions of its nodes."""
        from policyfix.facts.parsed import located, parse

        path = path.absolute()
        if path not in self._trees:
            source = self.source(path)
            assert source is not None
            fresh = self._fresh.pop(path, None)
            with _collector_paused():
                self._trees[path] = parse(source.text) if fresh is None else located(fresh)
        return self._trees[path]

    def size(self, path: Path) -> int:
        """Bytes of a file that can be read."""
        return len(self.data(path))

    def commented(self, path: Path) -> sources.Source | None:
        """A file, if it may hold comments for us."""
        entry = self._entry(path)
        return None if entry is None or not entry.is_commented else self.source(path)

    def start_proof(self, paths: Iterable[Path], beside: bool = False) -> None:
        """Starts to find out whether files are Python at all: those without a subject are not parsed for any
        other reason. Where there is much to read that may happen beside this process."""
        python = (path.absolute() for path in paths if not sources.is_config(path))
        self._unproved = [path for path in python if not self._is_proved(path)]
        work = partial(self._disprove, self._unproved)
        self._proof = aside(work) if beside and sum(map(self.size, self._unproved)) > MUCH else work

    def _is_proved(self, path: Path) -> bool:
        entry = self._index.get(str(path))
        return entry is not None and entry.is_python and entry.stat == stat(path)

    @property
    def is_proving(self) -> bool:
        return self._proof is not None

    def finish_proof(self) -> None:
        """Notes the problems of files that are no Python, and keeps what was learnt of the others."""
        assert self._proof is not None
        self.problems |= self._proof()
        if self._cache is None:
            return
        for path in self._unproved:
            if path not in self.problems and (entry := self._entry(path)) is not None:
                entry.is_python = True
        self._cache.keep("index", {path: e for path, e in self._index.items() if e.stat is not None})

    def _disprove(self, paths: Iterable[Path]) -> dict[Path, Problem]:
        for path in paths:
            source = self.source(path)
            if source is None or len(source.data) > LARGEST:
                continue  # a table of numbers may take gigabytes to parse, and holds no policy
            try:
                refused = _syntax_error(source.data) is not None
            except (ValueError, RecursionError, MemoryError):
                refused = True
            if refused:
                self._lower(source, path)  # libcst reads newer syntax than the interpreter may know
        return self.problems


@dataclass(slots=True)
class _Entry:
    """What the index of a cache knows of a file: whether it has changed, and what it said."""

    stat: Stat | None
    headers: index.Headers
    is_commented: bool
    trains: bool
    observes: bool
    is_python: bool = False


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
