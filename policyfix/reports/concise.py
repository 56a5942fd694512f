"""One line a finding: `path:line:column: CODE message`; the last one says how many."""

from __future__ import annotations

from policyfix.finding import Result
from policyfix.reports import line_of, line_of_problem, summary


def render(result: Result) -> str:
    lines = [*map(line_of, result.findings), *map(line_of_problem, result.problems)]
    return "\n".join([*lines, summary(result)])
