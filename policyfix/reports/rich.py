"""The report for people: each finding with the lines that it speaks of."""

from __future__ import annotations

import os
from functools import partial
from typing import TextIO

from click import echo, style

from policyfix.finding import Finding, Result, Severity, Tier
from policyfix.reports import line_of_problem, relative, summary

CONTEXT = 1  # lines around the one that a finding points at

_bold = partial(style, bold=True)


def show(result: Result, file: TextIO) -> None:
    """Writes to a stream; colours only where that is a terminal."""
    lines: dict[str, list[str]] = {}
    for finding in result.findings:
        if finding.path not in lines:
            lines[finding.path] = result.lines(finding.path)
        echo("\n".join(_shown(finding, lines[finding.path])), file)
    for each in result.problems:
        echo(f"{_bold('error', fg='red')} {line_of_problem(each)}\n", file)
    is_clean = not result.findings and not result.problems
    safe = sum(f.fix is not None and f.fix.tier is Tier.SAFE for f in result.findings)
    hint = f" {safe} can be mended by {_bold('policyfix apply')}." if safe else ""
    echo(_bold(summary(result), fg="green" if is_clean else None) + hint, file)


def _shown(finding: Finding, lines: list[str]) -> list[str]:
    colour = "red" if finding.severity is Severity.ERROR else "yellow"
    within = f" in {finding.symbol}" if finding.symbol else ""
    if os.path.abspath(finding.path) != os.path.abspath(
        finding.subject_path
    ):  # who else uses it may be sound
        within += f", used by {finding.subject} ({relative(finding.subject_path)})"
    shown = [
        f"{_bold(finding.code, fg=colour)} {_bold(finding.name)}: {finding.message}",
        f"  {style('-->', fg='cyan')} {finding.path}:{finding.line}:{finding.column}{within}",
    ]
    first, last = max(1, finding.line - CONTEXT), min(len(lines), finding.line + CONTEXT)
    width = len(str(last))
    for number in range(first, last + 1):
        text = lines[number - 1].expandtabs(4)
        shown.append(f"{style(f'{number:>{width + 2}} |', fg='cyan')} {text}")
        if number == finding.line:
            lead = len(lines[number - 1][: finding.column - 1].expandtabs(4))
            end = finding.end_column if finding.end_line == finding.line else len(lines[number - 1]) + 1
            marks = style("^" * max(1, end - finding.column), fg=colour)
            shown.append(f"{style(f'{chr(32):>{width + 2}} |', fg='cyan')} {' ' * lead}{marks}")
    if finding.fix is not None:
        unsafe = " (unsafe: changes numbers)" if finding.fix.tier is Tier.UNSAFE else ""
        shown.append(f"  {style('fix', fg='green')}{unsafe}: {finding.fix.title}")
    elif finding.unfixed:
        shown.append(f"  {style(f'no fix: {finding.unfixed}', dim=True)}")
    return [*shown, ""]
