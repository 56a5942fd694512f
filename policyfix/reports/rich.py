"""The report for people: each finding with the lines that it speaks of."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.markup import escape

from policyfix.finding import Finding, Result, Severity, Tier
from policyfix.reports import line_of_problem

CONTEXT = 1  # lines around the one that a finding points at


def show(result: Result, file: TextIO) -> None:
    """Writes to a stream; colours only where that is a terminal."""
    console = Console(file=file, highlight=False, soft_wrap=True)
    lines: dict[str, list[str]] = {}
    for finding in result.findings:
        if finding.path not in lines:
            lines[finding.path] = result.lines(finding.path)
        _show(finding, lines[finding.path], console)
    for each in result.problems:
        console.print(f"[bold red]error[/] {escape(line_of_problem(each))}\n")
    console.print(_summary(result))


def _show(finding: Finding, lines: list[str], console: Console) -> None:
    colour = "red" if finding.severity is Severity.ERROR else "yellow"
    console.print(f"[bold {colour}]{finding.code}[/] [bold]{finding.name}[/]: {escape(finding.message)}")
    within = f" in {finding.symbol}" if finding.symbol else ""
    console.print(f"  [cyan]-->[/] {escape(finding.path)}:{finding.line}:{finding.column}{within}")
    first, last = max(1, finding.line - CONTEXT), min(len(lines), finding.line + CONTEXT)
    width = len(str(last))
    for number in range(first, last + 1):
        text = lines[number - 1].expandtabs(4)
        console.print(f"[cyan]{number:>{width + 2}} |[/] {escape(text)}")
        if number == finding.line:
            lead = len(lines[number - 1][: finding.column - 1].expandtabs(4))
            end = finding.end_column if finding.end_line == finding.line else len(lines[number - 1]) + 1
            marks = "^" * max(1, end - finding.column)
            console.print(f"[cyan]{'':>{width + 2}} |[/] {' ' * lead}[{colour}]{marks}[/]")
    if finding.fix is not None:
        unsafe = " (unsafe: changes numbers)" if finding.fix.tier is Tier.UNSAFE else ""
        console.print(f"  [green]fix[/]{unsafe}: {escape(finding.fix.title)}")
    elif finding.unfixed:
        console.print(f"  [dim]no fix: {escape(finding.unfixed)}[/]")
    console.print()


def _summary(result: Result) -> str:
    files = f"{result.files} file{'' if result.files == 1 else 's'}"
    if result.known:
        files += f", besides {result.known} known"
    if not result.findings and not result.problems:
        return f"[bold green]No {'new ' if result.known else ''}defects[/] in {files}."
    counts = [f"{len(result.findings)} finding{'' if len(result.findings) == 1 else 's'}"]
    if result.problems:
        counts.append(f"{len(result.problems)} error{'' if len(result.problems) == 1 else 's'}")
    safe = sum(f.fix is not None and f.fix.tier is Tier.SAFE for f in result.findings)
    hint = f" {safe} can be mended by [bold]policyfix apply[/]." if safe else ""
    return f"[bold]{', '.join(counts)}[/] in {files}.{hint}"
