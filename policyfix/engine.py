"""Paths -> findings. Nothing of the user's code is imported or run."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import Any

from policyfix import index, rule, sources
from policyfix.aside import Aside, Queue
from policyfix.contract import Contract
from policyfix.finding import Finding, Problem, Result
from policyfix.project import Project
from policyfix.reader import Reader
from policyfix.remembered import forget
from policyfix.rule import Rule
from policyfix.screen import Screen
from policyfix.subjects import PolicyClass, Subject, agent_configs, find
from policyfix.texts import Grounds

# Bytes of Python that may hold a subject, some 200 KB a second: from where on one more process pays.
WORTH_A_PROCESS = 50_000

# The subjects at fault, by file and name, and those whose defects they share.
Bases = dict[tuple[str, str], tuple[tuple[str, str], ...]]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: what a check makes stays until its end, and to look through all of it
    again and again takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_uncollected()
def check(
    paths: Iterable[Path],
    contract: Contract,
    rules: Iterable[type[Rule[Any]]] | None = None,
    reader: Reader | None = None,
    walk: sources.Walk = sources.Walk(),  # noqa: B008 - frozen
    screen: Screen = Screen(),  # noqa: B008 - frozen
    processes: int = 1,
    selection: sources.Selection | None = None,
    with_dependants: bool = False,
    with_fixes: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Checks the Python files under the paths, or those of a `selection` made of them. `rules` are those that
    run, `screen` decides what is told. A result has its subjects where one process did all of the work.

    With fixes, findings say what a codemod offers: for that, libcst reads every file at fault once more.
    The `reader` may have begun its work, and may know of contents that are not on disk. With dependants,
    subclasses elsewhere in the project answer for what the given files made of them.
    """
    forget()
    paths = list(paths)
    selection = selection or sources.discover(paths, walk)
    files = {path.absolute(): str(path) for path in selection.files}
    given = frozenset(files)
    if reader is None:
        reader = Reader(contract)
    if not reader.is_proving:
        reader.start_proof(files)
    if with_dependants:
        files |= {path: os.path.relpath(path) for path in _dependants(given, reader, walk)}
    project = Project(reader.facts, files, reader.data, partial(sources.around, paths, walk), reader.stamps)
    chosen = [r() for r in (rule.discover() if rules is None else rules)]

    configs = [path for path in files if sources.is_config(path)]
    python = [path for path in files if not sources.is_config(path)]
    headers = {path: h for path in python if (h := reader.headers(path)) is not None}
    candidates = dict.fromkeys(index.candidates(headers, project.locate, reader.headers))
    known, policies = headers, list(candidates)
    training = dict.fromkeys(path for path in headers if reader.trains(path))
    candidates |= training | dict.fromkeys(index.drivers(headers, training, reader.data))
    if with_dependants and candidates.keys() != headers.keys():  # what the rest builds may stand in others
        known = _with_imported(headers, project, reader)
        policies = index.candidates(known, project.locate, reader.headers)
    observing = [path for path in policies if reader.observes(path)]
    building = index.builders(known, observing, contract.base, reader.data)
    candidates |= dict.fromkeys(path for path in building if path in headers)
    hearing = _Hearing(project, reader, contract, chosen, files, with_fixes)
    # The largest first: the processes are done at about the same time.
    work = sorted([*candidates, *configs], key=reader.size, reverse=True)
    starts: dict[Path, int] = {}  # bytes before each
    total = 0
    for path in work:
        starts[path] = total
        total += reader.size(path)
    count = max(1, min(processes, total // WORTH_A_PROCESS))
    if count == processes == 2:
        for path in work:  # the other processor is busy: what is found until it is free, both will know
            if not reader.is_helped:
                break
            hearing.subjects_of(path)
    queue = Queue(work)
    hear, again = partial(hearing.hear, queue), partial(hearing.hear, work)
    elsewhere = [Aside(hear, again) for _ in range(count - 1)]
    if progress:  # the last file that was taken tells how far all processes are
        hear = partial(hearing.hear, queue, lambda path: progress(starts[path], total))
    heard = [hear(), *(process.result() for process in elsewhere)]

    problems = {path: problem for part in heard for path, problem in part.unreadable.items()}
    reader.finish_proof()
    problems |= reader.problems
    unread = {Problem(e.path, e.line, e.reason) for e in selection.unreadable}
    unread |= {Problem(files[p], said.line, said.message) for p, said in problems.items() if p in files}
    is_whole = not unread and not any(part.failures for part in heard)
    result = Result(files=len(files), overlay=reader.overlay)
    if len(heard) == 1:
        result.subjects = hearing.subjects
    bases = {subject: shared for part in heard for subject, shared in part.bases.items()}
    found = _settle([finding for part in heard for finding in part.findings], bases)
    if len(files) > len(given):
        found = [f for f in found if _stems_from(given, (f.subject_path, f.subject), bases)]
    commented = [(files[path], source) for path in python if (source := reader.commented(path)) is not None]
    beyond = {f.elsewhere.path: os.path.abspath(f.elsewhere.path) for f in found if f.elsewhere is not None}
    beside = [(name, s) for name, p in beyond.items() if (s := reader.commented(Path(p))) is not None]
    result.findings = _screened(found, hearing, screen, commented, beside, is_whole)
    everything = unread.union(*(part.failures for part in heard), hearing.failures)
    result.problems = sorted(everything, key=lambda p: (p.path, p.line or 0, p.message))
    # A new file under a given folder is found by looking for files; elsewhere it has to be watched for.
    folders = tuple(os.path.join(path.absolute(), "") for path in paths if path.is_dir())
    absent = {place for part in heard for place in part.absent if not place.startswith(folders)}
    result.grounds = reduce(or_, (part.grounds for part in heard))
    result.inputs = {file for part in heard for file in part.asked} - set(map(str, files)) | absent
    return result


def _with_imported(
    headers: dict[Path, index.Headers], project: Project, reader: Reader
) -> dict[Path, index.Headers]:
    """Files, and those that they import: policies, or a table that those import policies for."""
    known = latest = headers
    for _ in range(2):
        imported = {
            found
            for path, header in latest.items()
            for module, _ in header.imports
            if (found := project.locate(module.decode(errors="replace"), path)) is not None
        }
        latest = {path: h for path in imported - known.keys() if (h := reader.headers(path)) is not None}
        known = known | latest
    return known


def _dependants(given: frozenset[Path], reader: Reader, walk: sources.Walk) -> list[Path]:
    """The project's other files with classes that may inherit from a policy or a mixin of the given files."""
    headers = {path: h for path in given if (h := reader.headers(path)) is not None}
    family = set(index.candidates(headers, Project(reader.facts, headers).locate, reader.headers))
    family |= {path for path in headers if any(w in reader.data(path) for w in (b"torch", b"tensordict"))}
    names = {name for path in family for name in index.class_names(reader.data(path))}
    if not names:
        return []
    roots = dict.fromkeys(sources.project_root(path) for path in family)
    around = [path.absolute() for path in sources.discover(roots, walk).files if not sources.is_config(path)]
    headers |= {path: h for path in around if (h := reader.headers(path)) is not None}
    return [path for path in index.dependants(names, headers) if path not in given]


def _stems_from(given: frozenset[Path], subject: tuple[str, str], bases: Bases) -> bool:
    """Whether a subject stands in one of the files, or shares the defects of one that does."""
    return any(Path(path) in given for path, _ in (subject, *bases[subject]))


@dataclass(slots=True)
class _Heard:
    """What came of some files: plain data, which can travel between processes."""

    findings: list[Finding]
    bases: Bases
    failures: list[Problem]  # of rules
    unreadable: dict[Path, Problem]
    asked: set[str]
    absent: set[str]
    grounds: Grounds


@dataclass(slots=True)
class _Hearing:
    """Asks the rules about the subjects of files."""

    project: Project
    reader: Reader
    contract: Contract
    rules: list[Rule[Any]]
    files: Mapping[Path, str]
    with_fixes: bool
    found: dict[Path, list[Subject]] = field(default_factory=dict)
    subjects: dict[tuple[str, str], Subject] = field(default_factory=dict)
    failures: list[Problem] = field(default_factory=list)

    def hear(self, paths: Iterable[Path], progress: Callable[[Path], None] | None = None) -> _Heard:
        """All rules about all subjects of the files."""
        found: list[Finding] = []
        for path in paths:
            if progress:
                progress(path)
            for subject in self.subjects_of(path):
                found += self.ask(subject)
        bases = {(f.subject_path, f.subject): self._subject(f).inherits_from for f in found}
        settled = self.offer([self._shown(f) for f in _settle(found, bases)])
        reader = self.reader
        absent, grounds = self.project.absent, self.project.texts.grounds
        grounds.followed |= absent.union(map(str, reader.followed))
        return _Heard(settled, bases, self.failures, reader.problems, reader.asked, absent, grounds)

    def subjects_of(self, path: Path) -> list[Subject]:
        """The subjects of a file; none, and a problem of ours, where they cannot be made out."""
        if path not in self.found:
            self.found[path] = self._found_in(path)
        return self.found[path]

    def _found_in(self, path: Path) -> list[Subject]:
        try:
            if sources.is_config(path):
                source = self.reader.source(path)
                return list(agent_configs(self.project, path, source.text, self.contract)) if source else []
            module = self.project.module(path)
            return [] if module is None else list(find(self.project, module, self.contract))
        except Exception as error:  # one file must not take the rest down
            self._fail("looking for subjects", self.files[path], None, error)
            return []

    def _fail(self, what: str, path: str, line: int | None, error: Exception) -> None:
        message = f"{what} failed: {type(error).__name__}: {error} (please report it)"
        self.failures.append(Problem(path, line, message))

    def ask(self, subject: Subject) -> list[Finding]:
        """All rules about one subject. A rule that fails is a problem of ours, and is said so."""
        self.subjects[(subject.path, subject.name)] = subject
        found: list[Finding] = []
        for each in self.rules:
            if not isinstance(subject, each.on):
                continue
            try:
                found += dict.fromkeys(_blamed(finding, each, subject) for finding in each.check(subject))
            except Exception as error:  # one rule on one class must not take the rest down
                self._fail(f"{each.code} on {subject.name}", subject.path, subject.header.span.line, error)
        return found

    def _subject(self, finding: Finding) -> Subject:
        return self.subjects[(finding.subject_path, finding.subject)]

    def _shown(self, finding: Finding) -> Finding:
        """A finding under the name that its file was given by; at the subject, where the file was not."""
        if Path(finding.path).absolute() not in self.files:
            finding = finding.moved(self._subject(finding).header)
        return finding.renamed(self.files[Path(finding.path).absolute()])

    def offer(self, findings: list[Finding]) -> list[Finding]:
        """Each finding with the fix that a codemod offers for it, or why none does."""
        if not findings or not self.with_fixes:
            return findings
        from policyfix.codemod import Refusal, plan  # needs libcst
        from policyfix.edits import tree_of

        offered: list[Finding] = []
        for finding in findings:
            if finding.elsewhere is not None:
                reason = f"the code stands in {finding.elsewhere.path}: check that file too"
                offered.append(finding.offered(None, reason))
                continue
            if sources.is_config(Path(finding.path)):
                offered.append(finding.offered(None, f"no fix exists for {finding.code}"))
                continue
            source = self.reader.source(Path(finding.path))
            assert source is not None
            if source.is_generated:
                offered.append(finding.offered(None, "the file is generated: mend what generates it"))
                continue
            try:
                outcome = plan(finding, self._subject(finding), tree_of(source))
            except Exception as error:  # the finding stands, mended or not
                if Path(finding.path).absolute() not in self.reader.problems:
                    self._fail(f"the fix of {finding.code}", finding.path, finding.line, error)
                outcome = Refusal("the file cannot be rewritten")
            if isinstance(outcome, Refusal):
                offered.append(finding.offered(None, outcome.reason))
            else:
                offered.append(finding.offered(outcome.fix, None))
        return offered


def _blamed(finding: Finding, asked: Rule[Any], subject: Subject) -> Finding:
    """A finding in code that a base runs too, which is a policy itself and keeps the clause, stands at the
    subclass: what that does otherwise is at fault."""
    if not isinstance(subject, PolicyClass) or subject.defines_symbol(finding.path, finding.symbol):
        return finding
    keeps = any(
        base.is_known and base.runs(finding.path, finding.symbol) and not any(asked.check(base))
        for base in subject.contract_bases
    )
    return finding.blamed(subject.header) if keeps else finding


def _settle(findings: Iterable[Finding], bases: Bases) -> list[Finding]:
    """One finding for one defect: what a class lacks, and a base already answers for, is not repeated for its
    subclasses. Of several at one place the first subject by name has it, whoever heard it first."""
    findings = sorted(findings, key=lambda finding: (finding.subject_path, finding.subject, finding.message))
    settled: dict[tuple[str, int, int, str], Finding] = {}
    faults = {(f.subject_path, f.subject, f.code) for f in findings}
    for finding in findings:
        shared = bases[(finding.subject_path, finding.subject)]
        is_lack = finding.symbol == finding.subject  # code at fault stands at a place of its own
        if not (is_lack and any((*base, finding.code) in faults for base in shared)):
            settled.setdefault((finding.path, finding.line, finding.column, finding.code), finding)
    return sorted(settled.values(), key=_place)


def _place(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.line, finding.column, finding.code


def _screened(
    findings: list[Finding],
    hearing: _Hearing,
    screen: Screen,
    commented: list[tuple[str, sources.Source]],
    beside: list[tuple[str, sources.Source]],
    is_whole: bool,
) -> list[Finding]:
    """What is told of the findings; the rules about suppressions are asked now that it is known."""
    # Where something could not be read, nobody knows what else there is to find.
    ran = frozenset(r.code for r in hearing.rules if is_whole)
    kept, silencing = screen.suppress(screen.pass_on(findings), commented, ran, hearing.contract, beside)
    asked = hearing.offer([finding for file in silencing for finding in hearing.ask(file)])
    told, _ = screen.suppress(screen.pass_on(asked), commented, frozenset(), hearing.contract)
    return sorted(kept + told, key=_place)
