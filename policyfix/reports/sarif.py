"""SARIF 2.1.0, as code scanning services read it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from policyfix import __version__
from policyfix.finding import Finding, Problem, Result
from policyfix.reports import fingerprints, relative
from policyfix.rule import Rule, discover

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(result: Result) -> str:
    rules = discover()
    index = {rule.code: number for number, rule in enumerate(rules)}
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "policyfix",
                        "version": __version__,
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "columnKind": "utf16CodeUnits",
                "invocations": [
                    {
                        "executionSuccessful": not result.problems,
                        "toolExecutionNotifications": [_notification(p) for p in result.problems],
                    }
                ],
                "results": [
                    _result(finding, index[finding.code], fingerprint, result)
                    for finding, fingerprint in zip(result.findings, fingerprints(result), strict=True)
                ],
            }
        ],
    }
    return json.dumps(document, indent=2)


def _rule(rule: type[Rule[Any]]) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary()},
        "fullDescription": {"text": rule.summary()},
        "help": {"text": rule.page(), "markdown": rule.page()},
        "defaultConfiguration": {"level": rule.severity.value, "enabled": not rule.preview},
    }


def _result(finding: Finding, rule: int, fingerprint: str, result: Result) -> dict[str, Any]:
    lines = result.lines(finding.path)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": _artifact(finding.path),
            "region": {
                "startLine": finding.line,
                "startColumn": _utf16(lines, finding.line, finding.column),
                "endLine": finding.end_line,
                "endColumn": _utf16(lines, finding.end_line, finding.end_column),
            },
        }
    }
    if finding.symbol:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.symbol}]
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity.value,
        "message": {"text": finding.message},
        "locations": [location],
        "partialFingerprints": {"policyfix/v1": fingerprint},
    }


def _notification(problem: Problem) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(problem.path)}
    if problem.line:
        place["region"] = {"startLine": problem.line}
    return {
        "level": "error",
        "descriptor": {"id": problem.code},
        "message": {"text": problem.message},
        "locations": [{"physicalLocation": place}],
    }


def _artifact(path: str) -> dict[str, str]:
    shown = relative(path)
    if shown.startswith("/") or shown[1:2] == ":":  # outside the current folder
        return {"uri": "file://" + quote(shown if shown.startswith("/") else f"/{shown}", safe="/:")}
    return {"uri": quote(shown), "uriBaseId": "%SRCROOT%"}


def _utf16(lines: list[str], line: int, column: int) -> int:
    """A column in UTF-16 code units; both count from 1."""
    before = lines[line - 1][: column - 1] if line <= len(lines) else ""
    return column + sum(character > "\uffff" for character in before)
