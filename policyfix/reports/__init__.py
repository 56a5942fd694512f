"""Findings -> what people and machines read."""

from __future__ import annotations

from policyfix.finding import Finding, Problem, Result


def write(result: Result, output_format: str) -> None:
    """Writes a result to standard output in one of the formats."""
    if output_format == "json":
        from policyfix.reports.json import render

        print(render(result))
    elif output_format == "concise":
        for finding in result.findings:
            print(concise(finding))
        for each in result.problems:
            print(problem(each))
    else:
        from policyfix.reports.rich import show

        show(result)


def concise(finding: Finding) -> str:
    """One line: `path:line:column: CODE message`."""
    return f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {finding.message}"


def problem(each: Problem) -> str:
    """One line for a file that could not be checked."""
    line = "" if each.line is None else f":{each.line}"
    return f"{each.path}{line}: error: {each.code} {each.message}"
