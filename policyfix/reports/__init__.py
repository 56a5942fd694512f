"""Findings -> what people and machines read. One module a format, loaded when it is asked for."""

from __future__ import annotations

import importlib
import os
from typing import TextIO

from policyfix.finding import Finding, Problem, Result

# Those that say which findings can be mended, and how. To find that out takes a tree of every file at fault.
SHOWING_FIXES = frozenset({"rich", "json", "jsonl", "statistics"})


def write(result: Result, output_format: str, file: TextIO) -> None:
    """Writes a result to a stream, in one of `config.FORMATS`."""
    module = importlib.import_module(f"policyfix.reports.{output_format}")
    if output_format == "rich":
        module.show(result, file)
        return
    text = module.render(result)
    file.write(f"{text}\n" if text else "")


def line_of(finding: Finding) -> str:
    """One line: `path:line:column: CODE message`."""
    return f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {finding.message}"


def line_of_problem(problem: Problem) -> str:
    """One line for a file that could not be checked."""
    line = "" if problem.line is None else f":{problem.line}"
    return f"{problem.path}{line}: error: {problem.code} {problem.message}"


def summary(result: Result) -> str:
    """The last line: how much was found, in how many files."""
    files = f"{result.files} file{'' if result.files == 1 else 's'}"
    if result.known:
        files += f", besides {result.known} known"
    if not result.findings and not result.problems:
        return f"{'No new defects' if result.known else 'No defects'} in {files}."
    counts = [f"{len(result.findings)} finding{'' if len(result.findings) == 1 else 's'}"]
    if result.problems:
        counts.append(f"{len(result.problems)} error{'' if len(result.problems) == 1 else 's'}")
    return f"{', '.join(counts)} in {files}."


def relative(path: str) -> str:
    """A path with forward slashes, from the current folder on where it lies below it."""
    found = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    shown = os.path.abspath(path) if found.startswith("..") else found
    return shown.replace(os.sep, "/")


def fingerprints(result: Result) -> list[str]:
    """A name for each finding that stays the same when lines move, and that no two findings share."""
    import hashlib

    seen: dict[tuple[str, ...], int] = {}
    texts: dict[str, list[str]] = {}
    names = []
    for finding in result.findings:
        lines = texts.setdefault(finding.path, result.lines(finding.path))
        text = lines[finding.line - 1].strip() if finding.line <= len(lines) else ""
        key = (finding.code, relative(finding.path), finding.symbol, text)
        seen[key] = seen.get(key, 0) + 1
        names.append(hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:32])
    return names
