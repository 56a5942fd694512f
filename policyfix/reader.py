"""Files on disk (and such as are not yet there) -> sources, headers, facts; each read once."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from symtable import symtable
from typing import TYPE_CHECKING

from policyfix import index, sources, suppressions
from policyfix.aside import Aside, Queue
from policyfix.cache import Cache, Stat, digest, stat
from policyfix.finding import Problem

if TYPE_CHECKING:
    from policyfix.contract import Contract
    from policyfix.facts import ir
    from policyfix.texts import Grounds

LARGEST = 2_000_000  # bytes: what is larger was not written by hand, and takes minutes to follow
MUCH = 500_000  # bytes of Python whose syntax takes longer to check than a process to start


class Reader:
    """Gives what a file says, or keeps the problem that it has."""

    def __init__(
        self,
        contract: Contract,
        overlay: Mapping[Path, sources.Source] | None = None,
        cache: Cache | None = None,
        top: Path | None = None,
    ) -> None:
        """`top`: where the repository is whose files the cache has an index of."""
        self.contract = contract
        self.overlay = overlay or {}  # contents that are not on disk (yet)
        self._cache = cache
        self._index_name = f"index-{digest(str(top))}"
        self._index: dict[str, _Entry] = (cache and cache.load(self._index_name)) or {}
        self._has_learnt = False  # what the index does not hold yet
        self._entries: dict[Path, _Entry | None] = {}
        self._sources: dict[Path, sources.Source | None] = {}
        self._facts: dict[Path, ir.ModuleFacts | None] = {}
        self._proved: set[Path] = set()
        self._unproved: list[Path] = []
        self._to_prove: Queue[Path] | None = None
        self._proof: Aside[dict[Path, Problem]] | None = None
        self.problems: dict[Path, Problem] = {}
        self.asked: set[str] = set()
        self.followed: set[Path] = set()  # files of which more was asked than their headers

    def after(self, overlay: Mapping[Path, sources.Source]) -> Reader:
        """A reader of the same files, of which some have other contents now. It knows what the rest say."""
        reader = Reader(self.contract, dict(overlay))
        known = {path for path in self._sources if overlay.get(path) is self.overlay.get(path)}
        reader._sources = {path: self._sources[path] for path in known}
        reader._entries = {path: entry for path, entry in self._entries.items() if path in known}
        reader._facts = {path: facts for path, facts in self._facts.items() if path in known}
        reader._proved = self._proved & known
        reader.problems = {path: said for path, said in self.problems.items() if path in known}
        return reader

    def source(self, path: Path) -> sources.Source | None:
        path = path.absolute()
        self.asked.add(str(path))
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

    def stamps(self, file: str) -> bool:
        """Whether a file, given by its absolute path, speaks of all of the contract's stamps."""
        entry = self._index.get(file)  # the whole repository is asked about: no paths are made of its names
        if entry is None or self.overlay or entry.stat != stat(file):
            entry = self._entry(Path(file))
        self.asked.add(file)
        return entry is not None and entry.stamps

    def _entry(self, path: Path) -> _Entry | None:
        if path not in self._entries:
            self._entries[path] = self._indexed(path.absolute())
        return self._entries[path]

    def _indexed(self, path: Path) -> _Entry | None:
        self.asked.add(str(path))
        now = None if self._cache is None or path in self.overlay else stat(path)
        entry = self._index.get(str(path))
        if entry is not None and entry.stat == now:
            return entry
        source = self.source(path)
        if source is None:
            return None
        headers = index.scan(source.data, self.contract.observation_key)
        trains = index.trains(source.data, self.contract)
        observes = self.contract.observation_key.encode() in source.data
        stamps = index.stamps(source.data, self.contract)
        entry = _Entry(now, headers, suppressions.MARKER in source.data, trains, observes, stamps)
        self._index[str(path)] = entry
        self._has_learnt = True
        return entry

    def facts(self, path: Path) -> ir.ModuleFacts | None:
        self.followed.add(path)
        if path not in self._facts:
            self._facts[path] = self._learnt(path)
        return self._facts[path]

    def _learnt(self, path: Path) -> ir.ModuleFacts | None:
        source = self.source(path)
        if source is None:
            return None
        if self._cache is None:
            return self._lower(source, path)
        name = f"facts/{digest(str(path), source.data)}"
        return self._cache.recalled(name, lambda: self._lower(source, path))

    def _lower(self, source: sources.Source, path: Path) -> ir.ModuleFacts | None:
        if len(source.data) > LARGEST:
            reason = f"has more than {LARGEST // 1_000_000} MB, too much to be followed: exclude it"
            self.problems[path.absolute()] = Problem(str(path), None, reason)
            return None
        from policyfix.facts.lower import extract  # a result that is recalled needs no facts

        try:
            with _unwarned():
                return extract(source.text, str(path))
        except _REFUSALS as error:
            self.problems[path.absolute()] = _problem(source, path, error)
        return None

    def size(self, path: Path) -> int:
        """Bytes of a file that can be read."""
        return len(self.data(path))

    def commented(self, path: Path) -> sources.Source | None:
        """A file, if it may hold comments for us."""
        entry = self._entry(path)
        return None if entry is None or not entry.is_commented else self.source(path)

    def start_proof(self, paths: Iterable[Path], beside: bool = False) -> None:
        """Starts to find out whether files are Python at all: those without a subject are not parsed for any
        other reason. Where there is much to read that happens beside this process."""
        python = (path.absolute() for path in paths if not sources.is_config(path))
        files = self._unproved = [path for path in python if not self._is_proved(path)]
        queue = self._to_prove = Queue(files)
        if beside and sum(map(self.size, files)) > MUCH:
            self._proof = Aside(lambda: self._judge(queue), lambda: self._judge(files))

    def is_unconcerned(self, paths: Iterable[Path], grounds: Grounds) -> bool:
        """Whether what was found on some grounds is found again, though files have another text by now: it
        says nothing that was asked for, and the index knows them as before."""
        changed = list(paths)
        for path in changed:
            before = self._index.get(str(path))
            now = self._entry(path)
            if sources.is_config(path) or before is None or now is None or not before.is_like(now):
                return False
            if not grounds.hold(str(path), self.data(path)):
                return False
        self.start_proof(changed)
        self.finish_proof()
        return not self.problems

    def _is_proved(self, path: Path) -> bool:
        if path in self._proved:
            return True
        entry = self._index.get(str(path))
        return entry is not None and entry.is_python and entry.stat == stat(path)

    @property
    def is_proving(self) -> bool:
        """Whether the proof was started."""
        return self._to_prove is not None

    @property
    def is_helped(self) -> bool:
        """Whether another process is busy with the proof."""
        return self._proof is not None and not self._proof.is_done

    def finish_proof(self) -> None:
        """Takes part in the proof, notes the problems of files that are no Python, and keeps what was learnt
        of the others."""
        assert self._to_prove is not None
        self.problems |= self._judge(self._to_prove)
        if self._proof is not None:
            self.problems |= self._proof.result()
        self._proved.update(path for path in self._unproved if path not in self.problems)
        if self._cache is None:
            return
        for path in self._unproved:
            if path not in self.problems and (entry := self._entry(path)) is not None:
                entry.is_python = self._has_learnt = True
        if self._has_learnt:
            entries = {path: entry for path, entry in self._index.items() if entry.stat is not None}
            self._cache.keep(self._index_name, entries)

    def _judge(self, paths: Iterable[Path]) -> dict[Path, Problem]:
        """The problems of those that are no Python."""
        with _unwarned():
            return {path: problem for path in paths if (problem := self._judged(path)) is not None}

    def _judged(self, path: Path) -> Problem | None:
        """What the interpreter says against a file."""
        source = self.source(path)
        if source is None:
            return self.problems[path]
        if len(source.data) > LARGEST:
            return None  # a table of numbers may take gigabytes to parse, and holds no policy
        try:
            # Parses, without the tree of Python objects that would take as long again.
            symtable(source.data, "", "exec")  # type: ignore[arg-type]
        except _REFUSALS as error:
            return None if _is_newer(source.text, error) else _problem(source, path, error)
        return None


@dataclass(slots=True)
class _Entry:
    """What the index of a cache knows of a file: whether it has changed, and what it said."""

    stat: Stat | None
    headers: index.Headers
    is_commented: bool
    trains: bool
    observes: bool
    stamps: bool
    is_python: bool = False

    def is_like(self, other: _Entry) -> bool:
        """Whether the files say the same, as far as the index knows, and hold no comments for us."""
        return not self.is_commented and replace(self, stat=other.stat, is_python=False) == other


# How the interpreter says that it cannot read a source.
_REFUSALS = (SyntaxError, ValueError, RecursionError, MemoryError)


def _problem(source: sources.Source, path: Path, error: BaseException) -> Problem:
    """What the interpreter says against a source, and what to do."""
    if isinstance(error, (RecursionError, MemoryError)):
        return Problem(str(path), None, "is nested too deeply to be read")
    if not isinstance(error, SyntaxError):
        return Problem(str(path), None, f"is not valid Python: {error}")
    reason = f"is not valid Python {sys.version_info.major}.{sys.version_info.minor}: {error.msg}"
    if _is_newer(source.text, error):
        reason += "; if it is newer Python, run policyfix on that"
    return Problem(str(path), error.lineno, reason)


def _is_newer(text: str, error: BaseException) -> bool:
    """Whether what the interpreter refuses may be Python of another version: libcst reads them all."""
    if not isinstance(error, SyntaxError) or error.msg.startswith("("):  # "(unicode error) ...": a literal
        return False
    import libcst as cst

    try:
        cst.parse_module(text)
    except Exception:  # it fails in several ways
        return False
    return True


@contextmanager
def _unwarned() -> Iterator[None]:
    """Nobody asked what the interpreter thinks of a source that it can read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
