"""Findings -> edits, to a fixed point, as one transaction on disk."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from policyfix import engine, sources
from policyfix.codemod import Plan, plan
from policyfix.contract import Contract
from policyfix.edits import Edit, SourceTree, apply, tree_of
from policyfix.finding import Finding, Result, Tier
from policyfix.imports import unused_imports
from policyfix.reader import Reader
from policyfix.record import record
from policyfix.rule import Rule
from policyfix.screen import Screen
from policyfix.subjects import PolicyClass

MAX_PASSES = 10
UNUSED_SUPPRESSION = "PF900"

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")  # lines as patch and git count them


class RewriteError(Exception):
    """A rewrite that would break a promise, or could not be written: nothing was changed on disk."""


@record()
class Change:
    """One file before and after; `path` as the user gave it."""

    path: str
    before: bytes
    after: bytes

    def diff(self) -> bytes:
        """Unified diff, in the file's own encoding, as `patch -p1` and `git apply` read it."""
        name = Path(self.path).as_posix().lstrip("/") + ("\t" if " " in self.path else "")
        lines = difflib.diff_bytes(
            difflib.unified_diff,
            _LINE.findall(self.before),
            _LINE.findall(self.after),
            os.fsencode(f"a/{name}"),
            os.fsencode(f"b/{name}"),
        )
        return b"".join(n if n.endswith(b"\n") else n + b"\n\\ No newline at end of file\n" for n in lines)


@dataclass(slots=True)
class Fixed:
    """One plan that was carried out in a file, and the findings that went with it."""

    path: str
    title: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def codes(self) -> list[str]:
        return sorted({finding.code for finding in self.findings})


@dataclass(slots=True)
class Rewrite:
    """What would be written, what was done, what is no longer found though no fix speaks of it, and what is
    left."""

    changes: list[Change] = field(default_factory=list)
    fixed: list[Fixed] = field(default_factory=list)
    gone: list[Finding] = field(default_factory=list)
    left: Result = field(default_factory=Result)
    policies: set[tuple[str, str]] = field(default_factory=set)  # (file, class); other subjects are none

    @property
    def mended(self) -> dict[tuple[str, str], list[str]]:
        """(file, class) of every policy class that was at fault -> the codes that it is rid of."""
        codes: dict[tuple[str, str], set[str]] = {}
        for finding in (finding for fixed in self.fixed for finding in fixed.findings):
            if (subject := (finding.subject_path, finding.subject)) in self.policies:
                codes.setdefault(subject, set()).add(finding.code)
        return {key: sorted(found) for key, found in codes.items()}


@record()
class _Taken:
    """A plan that is carried out in this pass, and the findings that asked for it."""

    path: str
    plan: Plan
    asked: tuple[Finding, ...]
    tree: SourceTree

    def covers(self, finding: Finding) -> bool:
        """Whether it rewrites the code that a finding stands at."""
        if finding.path != self.path:
            return False
        offset = self.tree.offset(finding.line, finding.column - 1)
        return any(edit.start <= offset < edit.end for edit in self.plan.edits)


def rewrite(
    paths: Iterable[Path],
    contract: Contract,
    unsafe: bool = False,
    rules: Iterable[type[Rule[Any]]] | None = None,
    walk: sources.Walk = sources.Walk(),  # noqa: B008 - frozen
    screen: Screen = Screen(),  # noqa: B008 - frozen
) -> Rewrite:
    """Applies every fix that is allowed, until none is left. Writes nothing.

    Raises `RewriteError` where a fix would leave a file that is not Python, adds a finding, or never settles.
    """
    overlay: dict[Path, sources.Source] = {}
    originals: dict[Path, tuple[str, bytes]] = {}
    check = partial(engine.check, list(paths), contract, rules, walk=walk, screen=screen)
    reader = Reader(contract)
    result = check(reader=reader)
    first = {_key(f) for f in result.findings}
    outcome = Rewrite()
    for _ in range(MAX_PASSES):
        chosen = [f for f in result.findings if f.fix is not None and (unsafe or f.fix.tier is Tier.SAFE)]
        if not chosen:
            break
        taken: list[_Taken] = []
        for name, findings in _by_file(chosen).items():
            path = Path(name).absolute()
            source = overlay.get(path) or _read(path)
            originals.setdefault(path, (name, source.data))
            tree = tree_of(source)
            here = _choose(findings, result, tree)
            taken += here
            overlay[path] = _edited(tree, here)
        before = result
        reader = reader.after(overlay)
        result = check(reader=reader)
        first |= _behind_bases(result, before)
        _refuse_new(result, before, first)
        remaining = {_key(f) for f in result.findings}
        outcome.policies |= {key for key, s in before.subjects.items() if isinstance(s, PolicyClass)}
        gone = [f for f in before.findings if _key(f) not in remaining]
        fixed, unclaimed = _accounted(gone, taken, outcome.policies)
        outcome.fixed += (each for each in fixed if each.findings)  # else the next pass tells
        outcome.gone += unclaimed
    else:
        raise RewriteError(f"the fixes do not settle after {MAX_PASSES} passes, so nothing is written")
    outcome.left = result
    outcome.changes = [
        Change(name, data, overlay[path].data)
        for path, (name, data) in sorted(originals.items())
        if overlay[path].data != data
    ]
    return outcome


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.path, finding.symbol, finding.code


def _by_file(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    files: dict[str, list[Finding]] = {}
    for finding in findings:
        files.setdefault(finding.path, []).append(finding)
    return files


def _read(path: Path) -> sources.Source:
    try:
        return sources.read(path)
    except sources.SourceError as error:
        raise RewriteError(f"{error}; nothing is written") from error


def _behind_bases(result: Result, before: Result) -> set[tuple[str, str, str]]:
    """Findings that a base's spoke for: mended there, they come to light in a class that goes another way."""
    spoken = {(os.path.abspath(f.subject_path), f.subject, f.code) for f in before.findings}
    return {
        _key(f)
        for f in result.findings
        for path, name in result.subjects[f.subject_path, f.subject].inherits_from
        if (path, name, f.code) in spoken
    }


def _refuse_new(result: Result, before: Result, first: set[tuple[str, str, str]]) -> None:
    """Raises where edits brought in a finding that was not there at first, or a problem. Suppressions that
    are out of use now are no harm: the next pass removes them."""
    fresh = [
        f"{f.path}:{f.line}: {f.code} {f.message}"
        for f in result.findings
        if _key(f) not in first and f.code != UNUSED_SUPPRESSION
    ]
    if len(result.problems) > len(before.problems):
        fresh += [f"{p.path}:{p.line}: {p.message}" for p in result.problems if p not in before.problems]
    if fresh:
        raise RewriteError("a fix would bring in something new, so nothing is written: " + "; ".join(fresh))


def _choose(findings: list[Finding], result: Result, tree: SourceTree) -> list[_Taken]:
    """The plans that are carried out. Of plans that touch each other the one of lower priority number wins,
    then the one that stands first; the other has its turn in the next pass, if its finding is still there."""
    asked: dict[tuple[Edit, ...], list[Finding]] = {}
    plans: dict[tuple[Edit, ...], Plan] = {}
    for finding in findings:
        outcome = plan(finding, result.subjects[(finding.subject_path, finding.subject)], tree)
        if isinstance(outcome, Plan):
            plans.setdefault(outcome.edits, outcome)
            asked.setdefault(outcome.edits, []).append(finding)
    taken: list[_Taken] = []
    made: set[Edit] = set()
    for each in sorted(plans.values(), key=lambda p: (p.priority, p.edits)):
        if not any(_touch(edit, other) for edit in each.edits for other in made if edit != other):
            made.update(each.edits)
            taken.append(_Taken(findings[0].path, each, tuple(asked[each.edits]), tree))
    return taken


def _touch(one: Edit, other: Edit) -> bool:
    """Whether two edits share a character, or the order in which they are made would matter."""
    return one.start <= other.end and other.start <= one.end


def _edited(tree: SourceTree, taken: list[_Taken]) -> sources.Source:
    source = tree.source
    edits = {edit for each in taken for edit in each.plan.edits}
    try:
        text = apply(source.text, [*edits, *unused_imports(tree, edits)])
        data = text.encode(source.encoding)
    except SyntaxError as error:
        raise RewriteError(
            f"{source.path}: a fix would leave line {error.lineno} no valid Python, so nothing is written"
        ) from error
    except UnicodeEncodeError as error:
        raise RewriteError(
            f"{source.path}: a fix does not fit into its encoding {source.encoding}: save it as UTF-8; "
            "nothing is written"
        ) from error
    return sources.Source(source.path, data, text, source.encoding)


def _accounted(
    gone: Iterable[Finding], taken: list[_Taken], policies: Collection[tuple[str, str]]
) -> tuple[list[Fixed], list[Finding]]:
    """What each plan did, and what went though none speaks of it. A finding that no plan was made for went
    with the code that it stood at, else with what was done for the same class, else with the first plan of
    its file."""
    done = [Fixed(each.path, each.plan.fix.title) for each in taken]
    unclaimed = []
    for finding in gone:
        subject = (finding.subject_path, finding.subject)
        claims = [
            [finding in t.asked for t in taken],
            [t.covers(finding) for t in taken],
            [subject in policies and any((a.subject_path, a.subject) == subject for a in t.asked)
             for t in taken],
            [t.path == finding.path for t in taken],
        ]  # fmt: skip
        best = next((claim for claim in claims if any(claim)), None)
        if best is None:
            unclaimed.append(finding)
        else:
            done[best.index(True)].findings.append(finding)
    return done, unclaimed


# ------------------------------------------------------------------------------------------- on disk


def write(changes: Iterable[Change]) -> None:
    """All files or none: each is written beside its place first, then all are moved in.

    Raises `RewriteError`; what was moved in by then is put back.
    """
    staged: list[tuple[Path, Change, Path]] = []
    moved: list[Change] = []
    try:
        for change in changes:
            path = Path(os.path.realpath(change.path))
            if path.read_bytes() != change.before:
                raise RewriteError(f"{change.path} has changed meanwhile: nothing is written; run it again")
            staged.append((path, change, _stage(path, change.after)))
        for path, change, stand_in in staged:
            os.replace(stand_in, path)
            moved.append(change)
    except BaseException as error:
        put_back(moved)
        if isinstance(error, OSError):
            raise RewriteError(
                f"cannot write {error.filename}: {error.strerror}; nothing is changed"
            ) from error
        raise
    finally:
        for _, _, stand_in in staged:
            with contextlib.suppress(FileNotFoundError):
                stand_in.unlink()


def put_back(changes: Iterable[Change]) -> list[str]:
    """Puts files back as they were. Returns those that somebody else has changed since: they stay."""
    kept = []
    for change in changes:
        path = Path(os.path.realpath(change.path))
        if path.read_bytes() == change.after:
            os.replace(_stage(path, change.before), path)
        else:
            kept.append(change.path)
    return kept


def uncommitted(paths: Iterable[str]) -> list[str]:
    """Those of the files that git could not bring back: changed since they were staged, not tracked, or
    ignored. What is staged and unchanged since is safe: `git checkout -- FILE` restores it.

    Empty outside a git checkout, and where there is no git.
    """
    lost = []
    for path in paths:
        folder, name = os.path.split(os.path.realpath(path))
        command = ["git", "--literal-pathspecs", "status", "--porcelain", "--ignored", "--", name]
        try:
            answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        except OSError:
            return []
        if answer.returncode == 0 and any(line[1:2] != " " for line in answer.stdout.splitlines()):
            lost.append(path)
    return lost


def _stage(path: Path, data: bytes) -> Path:
    """The data in a new file in the same folder, with the permissions of the old one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode)
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)
