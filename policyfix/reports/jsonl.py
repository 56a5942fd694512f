"""One JSON object a line, each with a `type`: `finding` or `error`; their fields are those of `json`."""

from __future__ import annotations

import json

from policyfix.finding import Result
from policyfix.reports.json import finding, problem


def render(result: Result) -> str:
    lines = [{"type": "finding", **finding(f)} for f in result.findings]
    lines += [{"type": "error", **problem(p)} for p in result.problems]
    return "\n".join(map(json.dumps, lines))
