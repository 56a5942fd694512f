"""One line a finding, for editors and people in a hurry."""

from __future__ import annotations

from policyfix.finding import Result
from policyfix.reports import line_of, line_of_problem


def render(result: Result) -> str:
    return "\n".join([*map(line_of, result.findings), *map(line_of_problem, result.problems)])
