"""What machines read: every format is valid by its own rules and says the same findings."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from policyfix import contract, engine, reports
from policyfix.finding import Finding, Result
from policyfix.rule import discover

AGENTS = Path(__file__).parents[2] / "examples" / "agents"


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Findings and one error; the paths hold a space, a percent sign and a letter that is not ASCII."""
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(AGENTS, tmp_path / "agents 100% é"))
    (folder / "broken.py").write_text("def broken(:\n")
    return engine.check([folder.relative_to(tmp_path)], contract.load())


def written(result: Result, output_format: str) -> str:
    file = io.StringIO()
    reports.write(result, output_format, file)
    return file.getvalue()


def sarif(result: Result) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(written(result, "sarif"))["runs"][0]
    return run


def places(result: Result) -> list[tuple[str, int]]:
    return [(f.code, f.line) for f in result.findings]


def test_sarif_keeps_its_schema(result: Result) -> None:
    document = Sarif.model_validate_json(written(result, "sarif"))
    assert len(document.runs) == 1


def test_sarif_findings_point_at_their_rules_and_places(result: Result) -> None:
    run = sarif(result)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in discover()]
    assert all("## Why it matters" in rule["help"]["markdown"] for rule in rules)
    regions = [r["locations"][0]["physicalLocation"]["region"] for r in run["results"]]
    assert [(r["ruleId"], g["startLine"]) for r, g in zip(run["results"], regions, strict=True)] == places(
        result
    )
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])
    artifact = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "agents%20100%25%20%C3%A9/forager.py", "uriBaseId": "%SRCROOT%"}


def test_sarif_tells_what_could_not_be_checked(result: Result) -> None:
    (invocation,) = sarif(result)["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["descriptor"]["id"] == "PF901"
    result.problems.clear()
    assert sarif(result)["invocations"][0]["executionSuccessful"] is True


def keeper(statement: str) -> str:
    return (
        "import torch\nfrom torch import nn\n\n\nclass Keeper(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.lstm = nn.LSTM(8, 8)\n"
        "        self._state = None\n\n    def forward(self, x):\n"
        f"        {statement}\n        return out\n"
    )


def test_sarif_columns_count_utf16_units(tmp_path: Path) -> None:
    statement = 'note = "\U0001f600\U0001f600é"; out, self._state = self.lstm(x, self._state)'
    (tmp_path / "keeper.py").write_text(keeper(statement), encoding="utf-8")
    result = engine.check([tmp_path], contract.load())
    (finding,) = [f for f in result.findings if f.code == "PF201"]
    region = next(r for r in sarif(result)["results"] if r["ruleId"] == "PF201")["locations"][0][
        "physicalLocation"
    ]["region"]
    line = result.lines(finding.path)[finding.line - 1].encode("utf-16-le")
    start, end = (2 * (region[key] - 1) for key in ("startColumn", "endColumn"))
    assert line[start:end].decode("utf-16-le") == "out, self._state = self.lstm(x, self._state)"


def test_fingerprints_differ_on_one_line_and_survive_moved_lines(result: Result) -> None:
    before = reports.fingerprints(result)
    assert len(set(before)) == len(before) == len(result.findings)
    forager = next(Path(f.path) for f in result.findings if Path(f.path).name == "forager.py")
    forager.write_text("# one more line\n" + forager.read_text())
    again = engine.check([forager.parent], contract.load())
    assert places(again) != places(result)
    assert reports.fingerprints(again) == before


def test_two_findings_of_one_rule_on_one_line_have_their_own_fingerprints(result: Result) -> None:
    result.findings = [result.findings[0], result.findings[0]]
    assert len(set(reports.fingerprints(result))) == 2


def test_github_annotations_escape_what_they_must(result: Result) -> None:
    lines = written(result, "github").splitlines()
    assert len(lines) == len(result.findings) + 1
    first = result.findings[0]
    assert lines[0].startswith(
        f"::error title={first.code} {first.name},file=agents 100%25 é/forager.py,line={first.line},"
    )
    assert lines[-1].startswith("::error title=PF901,file=agents 100%25 é/broken.py,line=1::")
    result.findings = [renamed(first, message="100%\nof, them: all")]
    assert written(result, "github").splitlines()[0].endswith("100%25%0Aof, them: all")


def renamed(finding: Finding, **changes: Any) -> Finding:
    from dataclasses import replace

    return replace(finding, **changes)


def test_gitlab_issues_have_what_gitlab_asks_for(result: Result) -> None:
    issues = json.loads(written(result, "gitlab"))
    assert len(issues) == len(result.findings) + len(result.problems)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    for issue in issues:
        assert {"description", "check_name", "fingerprint", "severity", "location"} == set(issue)
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["path"].startswith("agents 100% é/")
        assert issue["location"]["lines"]["begin"] >= 1
    assert [(i["description"][:5], i["location"]["lines"]["begin"]) for i in issues[:-1]] == places(result)


def test_junit_counts_failures_and_errors(result: Result) -> None:
    suites = ElementTree.fromstring(written(result, "junit"))
    (suite,) = suites
    assert suite.get("failures") == str(len(result.findings)) == str(len(suite.findall("*/failure")))
    assert suite.get("errors") == "1" == str(len(suite.findall("*/error")))
    assert suite.get("tests") == str(len(suite))
    result.findings = [renamed(result.findings[0], message="a \x00 <b> & \x1b")]
    assert "a \ufffd <b> & \ufffd" in ElementTree.fromstring(written(result, "junit"))[0][0][0].get(
        "message", ""
    )
    clean = ElementTree.fromstring(written(Result(files=3), "junit"))
    assert (len(clean[0]), clean[0].get("failures")) == (1, "0")


def test_jsonl_holds_the_objects_of_json_one_a_line(result: Result) -> None:
    lines = [json.loads(line) for line in written(result, "jsonl").splitlines()]
    document = json.loads(written(result, "json"))
    assert [{k: v for k, v in line.items() if k != "type"} for line in lines] == (
        document["findings"] + document["errors"]
    )
    assert [line["type"] for line in lines] == ["finding"] * len(result.findings) + ["error"]
    assert written(Result(), "jsonl") == ""


def test_statistics_count_by_rule(result: Result) -> None:
    lines = written(result, "statistics").splitlines()
    assert lines[0] == "2  PF101  missing-stamps  (2 can be mended)"
    assert "PF901" in lines[-1]


def test_a_path_outside_the_current_folder_is_a_file_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "keeper.py").write_text(keeper("out, self._state = self.lstm(x, self._state)"))
    result = engine.check([Path("../keeper.py")], contract.load())
    artifact = sarif(result)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": (tmp_path / "keeper.py").as_uri()}


def test_lines_end_where_python_says_so(tmp_path: Path) -> None:
    (tmp_path / "keeper.py").write_bytes(
        b"# a form feed\x0cand a \xc2\x85 end no line\r\n"
        + keeper("out, self._state = self.lstm(x, self._state)").replace("\n", "\r\n").encode()
    )
    result = engine.check([tmp_path], contract.load())
    assert "out, self._state = self.lstm(x, self._state)\n" in written(result, "rich")


def test_people_are_told_whose_use_of_shared_code_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(
        Path(__file__).parents[1] / "rules/tensordict/misplaced_stamps/bad_helper_called_too_early"
    )
    shown = written(engine.check([Path()], contract.load()), "rich")
    assert "--> stamps.py:6:9 in Stamps.stamp, used by Forager (forager.py)" in shown
    assert shown.count("used by Forager") == shown.count("--> stamps.py")
