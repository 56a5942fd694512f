"""Paths -> findings. Nothing of the user's code is imported or run."""

from __future__ import annotations

import ast
import gc
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libcst as cst

from policyfix import index, rule, sources
from policyfix.codemod import Refusal, SourceTree, plan
from policyfix.contract import Contract
from policyfix.facts import ir
from policyfix.facts.lower import lower
from policyfix.facts.parsed import Parsed, parse
from policyfix.project import Project
from policyfix.rule import Finding, Rule
from policyfix.subjects import Subject, find


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was not checked, or not wholly: never a green run."""

    path: str
    line: int | None
    message: str
    code: str = "PF901"


@dataclass(slots=True)
class Result:
    """What a check found, and what it could not look at."""

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    subjects: dict[tuple[str, str], Subject] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        if self.problems:
            return 2
        return 1 if self.findings else 0


class Reader:
    """Reads each file once: its text, its facts, or why there are none."""

    def __init__(self, overlay: Mapping[Path, sources.Source] | None = None) -> None:
        self._overlay = overlay or {}  # contents that are not on disk (yet)
        self._sources: dict[Path, sources.Source | sources.SourceError] = {}
        self.problems: dict[Path, Problem] = {}
        self.parsed: dict[Path, Parsed] = {}  # trees that somebody may still ask for

    def forget_trees(self, wanted: set[Path]) -> None:
        """Drops all trees but the wanted ones: they are large."""
        self.parsed = {path: parsed for path, parsed in self.parsed.items() if path in wanted}

    def source(self, path: Path) -> sources.Source | None:
        path = path.absolute()
        if path not in self._sources:
            try:
                self._sources[path] = self._overlay.get(path) or sources.read(path)
            except sources.SourceError as error:
                self._sources[path] = error
                self.problems[path] = Problem(str(path), error.line, error.reason)
        found = self._sources[path]
        return found if isinstance(found, sources.Source) else None

    def facts(self, path: Path) -> ir.ModuleFacts | None:
        source = self.source(path)
        if source is None:
            return None
        try:
            with _collector_paused():
                parsed = self.parsed[path.absolute()] = parse(source.text)
                return lower(parsed, str(path))
        except cst.ParserSyntaxError as error:
            # Python's own message is the clearer one, where it refuses the file too.
            refused = _syntax_error(source.data)
            line = error.raw_line if refused is None else refused.lineno
            reason = error.message.splitlines()[0] if refused is None else refused.msg
            self.problems[path.absolute()] = Problem(str(path), line, f"is not valid Python: {reason}")
        except RecursionError:
            self.problems[path.absolute()] = Problem(str(path), None, "is nested too deeply to be read")
        return None

    def check_syntax(self, path: Path) -> None:
        """Whether a file that holds no subject is Python at all."""
        source = self.source(path)
        if source is None:
            return
        try:
            if _syntax_error(source.data) is not None:
                self.facts(path)  # libcst reads newer syntax than the interpreter may know
        except (ValueError, RecursionError, MemoryError):
            self.facts(path)


def _syntax_error(data: bytes) -> SyntaxError | None:
    """What the interpreter says against a source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(data)
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


def check(
    paths: Iterable[Path],
    contract: Contract,
    rules: Iterable[type[Rule[Any]]] | None = None,
    overlay: Mapping[Path, sources.Source] | None = None,
    exclude: Iterable[str] = (),
) -> Result:
    """Checks the Python files under the paths, less those that the globs of `exclude` match."""
    selection = sources.discover(paths, exclude)
    files = {path.absolute(): str(path) for path in selection.files}
    reader = Reader(overlay)
    project = Project(reader.facts, files)
    chosen = [r() for r in (rule.discover() if rules is None else rules)]
    result = Result(files=len(files))

    def headers_of(path: Path) -> index.Headers | None:
        source = reader.source(path)
        return None if source is None else index.scan(source.data, contract.observation_key)

    headers = {path: h for path in files if (h := headers_of(path)) is not None}
    candidates = set(index.candidates(headers, project.locate, headers_of))
    for path in files:
        if path not in candidates:
            reader.check_syntax(path)
            continue
        module = project.module(path)
        if module is not None:
            for subject in find(project, module, contract):
                _ask(subject, chosen, result)
            reader.forget_trees({Path(finding.path) for finding in result.findings})
    found = _settle(result, files)
    result.findings = _with_fixes(found, result.subjects, reader)
    result.problems += [Problem(e.path, e.line, e.reason) for e in selection.unreadable]
    result.problems += [
        Problem(files[p], problem.line, problem.message)
        for p, problem in reader.problems.items()
        if p in files
    ]
    result.problems.sort(key=lambda p: (p.path, p.line or 0, p.message))
    return result


def _ask(subject: Subject, rules: Iterable[Rule[Any]], result: Result) -> None:
    """All rules about one subject. A rule that fails is a problem of ours, and is said so."""
    result.subjects[(subject.path, subject.name)] = subject
    for each in rules:
        if not isinstance(subject, each.on):
            continue
        try:
            found = list(each.check(subject))
        except Exception as error:  # one rule on one class must not take the rest down
            message = (
                f"{each.code} failed on {subject.name}: {type(error).__name__}: {error} (please report it)"
            )
            result.problems.append(Problem(subject.path, subject.header.span.line, message))
            continue
        result.findings += dict.fromkeys(found)


def _settle(result: Result, files: Mapping[Path, str]) -> list[Finding]:
    """One finding for one defect: what a base already answers for is not repeated for its subclasses, and
    what stands outside the checked files is shown at the class that is."""
    settled: dict[tuple[str, int, int, str], Finding] = {}
    faults = {(f.subject_path, f.subject, f.code) for f in result.findings}
    for finding in result.findings:
        subject = result.subjects[(finding.subject_path, finding.subject)]
        if any((*base, finding.code) in faults for base in subject.inherits_from):
            continue
        shown = finding
        if Path(finding.path).absolute() not in files:
            shown = finding.moved(subject.header)
        place = (shown.path, shown.line, shown.column, shown.code)
        settled.setdefault(place, shown)
    named = [f.renamed(files[Path(f.path).absolute()]) for f in settled.values()]
    return sorted(named, key=lambda f: (f.path, f.line, f.column, f.code))


def _with_fixes(
    findings: list[Finding], subjects: Mapping[tuple[str, str], Subject], reader: Reader
) -> list[Finding]:
    """Each finding with the fix that a codemod offers for it, or why none does."""
    trees: dict[str, SourceTree] = {}
    offered: list[Finding] = []
    for finding in findings:
        if finding.elsewhere is not None:
            offered.append(
                finding.offered(None, f"the code stands in {finding.elsewhere}: check that file too")
            )
            continue
        if finding.path not in trees:
            path = Path(finding.path).absolute()
            source = reader.source(path)
            assert source is not None
            trees[finding.path] = SourceTree(source, reader.parsed.get(path))
        tree = trees[finding.path]
        outcome = plan(finding, subjects[(finding.subject_path, finding.subject)], tree)
        if isinstance(outcome, Refusal):
            offered.append(finding.offered(None, outcome.reason))
        else:
            offered.append(finding.offered(outcome.fix, None))
    return offered
