"""Paths -> findings. Nothing of the user's code is imported or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from policyfix import index, rule, sources
from policyfix.aside import aside
from policyfix.cache import Cache
from policyfix.contract import Contract
from policyfix.finding import Finding, Problem, Result
from policyfix.project import Project
from policyfix.reader import Reader
from policyfix.rule import Rule
from policyfix.screen import Screen
from policyfix.subjects import Subject, find

WORTH_A_PROCESS = 500_000  # bytes of Python whose syntax takes longer to check than a process to start


def check(
    paths: Iterable[Path],
    contract: Contract,
    rules: Iterable[type[Rule[Any]]] | None = None,
    overlay: Mapping[Path, sources.Source] | None = None,
    walk: sources.Walk = sources.Walk(),  # noqa: B008 - frozen
    screen: Screen = Screen(),  # noqa: B008 - frozen
    cache: Cache | None = None,
) -> Result:
    """Checks the Python files under the paths. `rules` are those that run, `screen` decides what is told."""
    paths = list(paths)
    selection = sources.discover(paths, walk)
    files = {path.absolute(): str(path) for path in selection.files}
    reader = Reader(contract.observation_key, overlay, cache)
    project = Project(reader.facts, files)
    chosen = [r() for r in (rule.discover() if rules is None else rules)]
    result = Result(files=len(files), overlay=overlay or {})

    headers = {path: h for path in files if (h := reader.headers(path)) is not None}
    candidates = set(index.candidates(headers, project.locate, reader.headers))
    others = reader.unproved(path for path in headers if path not in candidates)
    pays = sum(source.size for path in others if (source := reader.source(path))) > WORTH_A_PROCESS
    broken = aside(lambda: reader.broken(others), pays)
    for path in files:
        module = project.module(path) if path in candidates else None
        if module is not None:
            for subject in find(project, module, contract):
                _ask(subject, chosen, result)
    reader.problems.update(broken())
    reader.remember(path for path in others if path not in reader.problems)
    found = _screened(_settle(result, files), result, chosen, screen, contract, files, reader)
    result.findings = _with_fixes(found, result.subjects, reader)
    result.problems += [Problem(e.path, e.line, e.reason) for e in selection.unreadable]
    result.problems += [
        Problem(files[p], problem.line, problem.message)
        for p, problem in reader.problems.items()
        if p in files
    ]
    result.problems.sort(key=lambda p: (p.path, p.line or 0, p.message))
    # A new file under a given folder is found by looking for files; elsewhere it has to be watched for.
    folders = [path.absolute() for path in paths if path.is_dir()]
    absent = {p for p in project.absent if not any(p.is_relative_to(folder) for folder in folders)}
    result.inputs = (reader.asked - files.keys()) | absent
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


def _screened(
    findings: list[Finding],
    result: Result,
    rules: list[Rule[Any]],
    screen: Screen,
    contract: Contract,
    files: Mapping[Path, str],
    reader: Reader,
) -> list[Finding]:
    """What is told of the findings; the rules about suppressions are asked now that it is known."""
    texts = [(name, source) for path, name in files.items() if (source := reader.source(path)) is not None]
    # Where something could not be read, nobody knows what else there is to find.
    ran = frozenset(r.code for r in rules if not (result.problems or reader.problems))
    kept, commented = screen.suppress(screen.pass_on(findings), texts, ran, contract)
    result.findings = []
    for file in commented:
        _ask(file, rules, result)
    told, _ = screen.suppress(screen.pass_on(result.findings), texts, frozenset(), contract)
    return sorted(kept + told, key=lambda f: (f.path, f.line, f.column, f.code))


def _with_fixes(
    findings: list[Finding], subjects: Mapping[tuple[str, str], Subject], reader: Reader
) -> list[Finding]:
    """Each finding with the fix that a codemod offers for it, or why none does."""
    if not findings:
        return []
    from policyfix.codemod import Refusal, SourceTree, plan  # needs libcst; a clean run does not

    trees: dict[str, SourceTree] = {}
    offered: list[Finding] = []
    for finding in findings:
        if finding.elsewhere is not None:
            offered.append(
                finding.offered(None, f"the code stands in {finding.elsewhere}: check that file too")
            )
            continue
        if finding.path not in trees:
            path = Path(finding.path)
            source = reader.source(path)
            assert source is not None
            trees[finding.path] = SourceTree(source, reader.tree(path))
        tree = trees[finding.path]
        outcome = plan(finding, subjects[(finding.subject_path, finding.subject)], tree)
        if isinstance(outcome, Refusal):
            offered.append(finding.offered(None, outcome.reason))
        else:
            offered.append(finding.offered(outcome.fix, None))
    return offered
