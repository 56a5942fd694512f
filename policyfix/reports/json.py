"""The machine-readable report. Its shape is a public interface: fields may be added, none changes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from policyfix.finding import Finding, Problem, Result

VERSION = 1


def render(result: Result) -> str:
    """One JSON object."""
    document = {
        "version": VERSION,
        "findings": [finding(f) for f in result.findings],
        "errors": [problem(p) for p in result.problems],
        "summary": {
            "files": result.files,
            "findings": len(result.findings),
            "errors": len(result.problems),
            "fixable": sum(f.fix is not None for f in result.findings),
            "known": result.known,
            "stale": len(result.stale),
            "codes": dict(sorted(Counter(f.code for f in result.findings).items())),
        },
    }
    return json.dumps(document, indent=2)


def finding(finding: Finding) -> dict[str, Any]:
    fix = finding.fix
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "symbol": finding.symbol,
        "fix": None if fix is None else {"tier": fix.tier.value, "title": fix.title},
    }


def problem(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "path": problem.path, "line": problem.line, "message": problem.message}
