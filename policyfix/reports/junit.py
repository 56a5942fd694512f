"""A JUnit report: one failed test case a finding, one error a file that could not be checked."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from policyfix.finding import Result
from policyfix.reports import line_of, line_of_problem, relative

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(result: Result) -> str:
    failures, errors = len(result.findings), len(result.problems)
    suite = ElementTree.Element("testsuite", name="policyfix", failures=str(failures), errors=str(errors))
    for f in result.findings:
        case = _case(suite, relative(f.path), f"{f.code} {f.symbol or f.name}:{f.line}:{f.column}", f.line)
        ElementTree.SubElement(case, "failure", type=f.code, message=_clean(f.message)).text = _clean(
            line_of(f)
        )
    for p in result.problems:
        case = _case(suite, relative(p.path), p.code, p.line or 1)
        ElementTree.SubElement(case, "error", type=p.code, message=_clean(p.message)).text = _clean(
            line_of_problem(p)
        )
    if not len(suite):  # some readers take a report without any case for a run that never was
        _case(suite, "policyfix", f"{result.files} files", None)
    suite.set("tests", str(len(suite)))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode")


def _case(suite: ElementTree.Element, path: str, name: str, line: int | None) -> ElementTree.Element:
    place = {} if line is None else {"file": _clean(path), "line": str(line)}
    return ElementTree.SubElement(
        suite, "testcase", {"classname": _clean(path), "name": _clean(name), **place}
    )


def _clean(text: str) -> str:
    """Without the characters that XML has no way to write."""
    return _NOT_XML.sub("\ufffd", text)
