"""A GitLab code quality report."""

from __future__ import annotations

import hashlib
import json

from policyfix.finding import Result, Severity
from policyfix.reports import fingerprints, relative


def render(result: Result) -> str:
    issues = [
        {
            "description": f"{f.code} {f.message}",
            "check_name": f.name,
            "fingerprint": fingerprint,
            "severity": "major" if f.severity is Severity.ERROR else "minor",
            "location": {"path": relative(f.path), "lines": {"begin": f.line, "end": f.end_line}},
        }
        for f, fingerprint in zip(result.findings, fingerprints(result), strict=True)
    ]
    issues += [
        {
            "description": f"{p.code} {p.message}",
            "check_name": "unreadable-source",
            "fingerprint": hashlib.sha256(f"{p.code}\0{relative(p.path)}\0{p.message}".encode()).hexdigest()[
                :32
            ],
            "severity": "blocker",
            "location": {"path": relative(p.path), "lines": {"begin": p.line or 1}},
        }
        for p in result.problems
    ]
    return json.dumps(issues, indent=2)
