"""Findings -> edits, to a fixed point, as one transaction on disk."""

from __future__ import annotations

import contextlib
import difflib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from policyfix import engine, sources
from policyfix.codemod import Edit, Plan, SourceTree, apply, plan
from policyfix.contract import Contract
from policyfix.rule import Finding, Tier

MAX_PASSES = 10


class RewriteError(Exception):
    """A rewrite that would break a promise, or could not be written: nothing was changed on disk."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after."""

    path: str
    before: sources.Source
    after: sources.Source

    def diff(self) -> str:
        """Unified diff."""
        lines = difflib.unified_diff(
            self.before.text.splitlines(keepends=True),
            self.after.text.splitlines(keepends=True),
            fromfile=f"a/{self.path}",
            tofile=f"b/{self.path}",
        )
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


@dataclass(slots=True)
class Rewrite:
    """What would be written, what it mends, and what is left."""

    changes: list[Change] = field(default_factory=list)
    mended: list[Finding] = field(default_factory=list)  # with the fix that was used
    left: engine.Result = field(default_factory=engine.Result)

    @property
    def migrated(self) -> list[tuple[str, str]]:
        """(file, class) of every policy class that a fix was made for, each once."""
        return list(dict.fromkeys((f.subject_path, f.subject) for f in self.mended))


def rewrite(
    paths: Iterable[Path], contract: Contract, unsafe: bool = False, exclude: Iterable[str] = ()
) -> Rewrite:
    """Applies every fix that is allowed, until none is left. Writes nothing.

    Raises `RewriteError` where a fix would leave a file that is not Python, adds a finding, or never settles.
    """
    paths, exclude = list(paths), tuple(exclude)
    overlay: dict[Path, sources.Source] = {}
    originals: dict[Path, sources.Source] = {}
    result = engine.check(paths, contract, exclude=exclude)
    first = {_key(f) for f in result.findings}
    outcome = Rewrite()
    for _ in range(MAX_PASSES):
        chosen = [f for f in result.findings if f.fix is not None and (unsafe or f.fix.tier is Tier.SAFE)]
        if not chosen:
            break
        for path, findings in _by_file(chosen).items():
            source = overlay.get(path) or sources.read(path)
            originals.setdefault(path, source)
            edits = _edits(findings, result, source)
            overlay[path] = _edited(source, edits)
        before = result
        result = engine.check(paths, contract, overlay=overlay, exclude=exclude)
        fresh = [f for f in result.findings if _key(f) not in first]
        if fresh or len(result.problems) > len(before.problems):
            what = [f"{f.path}:{f.line}: {f.code} {f.message}" for f in fresh]
            what += [f"{p.path}:{p.line}: {p.message}" for p in result.problems if p not in before.problems]
            raise RewriteError(
                "a fix would bring in something new, so nothing is written: " + "; ".join(what)
            )
        remaining = {_key(f) for f in result.findings}
        outcome.mended += [f for f in before.findings if _key(f) not in remaining]
    else:
        raise RewriteError(f"the fixes do not settle after {MAX_PASSES} passes, so nothing is written")
    outcome.left = result
    outcome.changes = [
        Change(originals[path].path, originals[path], source)
        for path, source in sorted(overlay.items())
        if source.data != originals[path].data
    ]
    return outcome


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.path, finding.symbol, finding.code


def _by_file(findings: Iterable[Finding]) -> dict[Path, list[Finding]]:
    files: dict[Path, list[Finding]] = {}
    for finding in findings:
        files.setdefault(Path(finding.path).absolute(), []).append(finding)
    return files


def _edits(findings: list[Finding], result: engine.Result, source: sources.Source) -> list[Edit]:
    """The edits of all findings of a file. Of plans that touch each other the first wins; the other has its
    turn in the next pass, if its finding is still there."""
    tree = SourceTree(source)
    plans: dict[tuple[Edit, ...], Plan] = {}
    for finding in findings:
        outcome = plan(finding, result.subjects[(finding.subject_path, finding.subject)], tree)
        if isinstance(outcome, Plan):
            plans.setdefault(outcome.edits, outcome)
    taken: list[Edit] = []
    for edits in sorted(plans, key=lambda e: -sum(edit.end - edit.start for edit in e)):
        if not any(_touch(edit, other) for edit in edits for other in taken if edit != other):
            taken += [edit for edit in edits if edit not in taken]
    return [*taken, *tree.unused_imports(taken)]


def _touch(one: Edit, other: Edit) -> bool:
    return one.start <= other.end and other.start <= one.end


def _edited(source: sources.Source, edits: list[Edit]) -> sources.Source:
    text = apply(source.text, edits)
    return sources.Source(source.path, text.encode(source.encoding), text, source.encoding)


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
            if path.read_bytes() != change.before.data:
                raise RewriteError(f"{change.path} has changed meanwhile: nothing is written; run it again")
            staged.append((path, change, _stage(path, change.after.data)))
        for path, change, stand_in in staged:
            os.replace(stand_in, path)
            moved.append(change)
    except OSError as error:
        put_back(moved)
        raise RewriteError(f"cannot write {error.filename}: {error.strerror}; nothing is changed") from error
    finally:
        for _, _, stand_in in staged:
            with contextlib.suppress(FileNotFoundError):
                stand_in.unlink()


def put_back(changes: Iterable[Change]) -> None:
    """Puts files back as they were."""
    for change in changes:
        path = Path(os.path.realpath(change.path))
        os.replace(_stage(path, change.before.data), path)


def uncommitted(paths: Iterable[str]) -> list[str]:
    """Those of the files that git could not bring back: changed since they were staged, or not tracked.

    Empty outside a git checkout, and where there is no git.
    """
    lost = []
    for path in paths:
        command = ["git", "status", "--porcelain", "--ignored", "--", os.path.basename(path)]
        folder = os.path.dirname(os.path.abspath(path))
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
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, path.stat().st_mode)
    return Path(name)
