"""Annotations in the log of a GitHub workflow."""

from __future__ import annotations

from policyfix.finding import Result
from policyfix.reports import line_of, line_of_problem, relative


def render(result: Result) -> str:
    lines = []
    for f in result.findings:
        # A range of columns is only drawn on a single line.
        columns = f",col={f.column},endColumn={f.end_column}" if f.line == f.end_line else ""
        place = f"file={_property(relative(f.path))},line={f.line},endLine={f.end_line}{columns}"
        title = _property(f"{f.code} {f.name}")
        lines.append(f"::{f.severity.value} title={title},{place}::{_message(line_of(f))}")
    for p in result.problems:
        line = "" if p.line is None else f",line={p.line}"
        lines.append(
            f"::error title={p.code},file={_property(relative(p.path))}{line}::{_message(line_of_problem(p))}"
        )
    return "\n".join(lines)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
