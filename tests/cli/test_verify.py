"""The command: its options, its exit codes, its two formats, its page."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from policyfix.cli.verify import verify
from policyfix.runtime.checker import ProbeResult, Verification

AGENTS = Path(__file__).parents[1] / "runtime" / "checker"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(verify, [*arguments, "--search-path", str(AGENTS)])


def test_json_of_a_policy_that_fails(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = run(
        "lstm_agent:Forgets", "--output-format", "json", "--select", "PV205,PV203", "--select", "stamps",
        "--report", str(page),
    )  # fmt: skip
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert list(report) == ["version", "target", "probes", "summary"]
    assert (report["version"], report["target"]) == (1, "lstm_agent:Forgets")
    assert [(probe["code"], probe["name"], probe["status"]) for probe in report["probes"]] == [
        ("PV101", "stamps", "pass"),
        ("PV203", "group-slots", "skipped"),
        ("PV205", "carried-state", "fail"),
    ]
    assert all(list(probe) == ["code", "name", "status", "evidence", "seconds"] for probe in report["probes"])
    assert all(probe["evidence"] and probe["seconds"] > 0 for probe in report["probes"])
    assert report["summary"] == {"passed": 1, "failed": 1, "errors": 0, "skipped": 1}
    text = page.read_text()
    assert "lstm_agent:Forgets" in text
    assert "every step starts from the zero state" in text
    assert "http" not in text  # self-contained


def test_text_of_a_policy_that_passes() -> None:
    result = run(f"{AGENTS / 'lstm_agent.py'}::Agent", "--select", "PV1", "--ignore", "PV11")
    assert result.exit_code == 0
    assert "PV101" in result.stdout
    assert "PV110" not in result.stdout
    assert "0 failed, 0 errors, 0 skipped" in result.stdout


def fake(monkeypatch: pytest.MonkeyPatch, *probes: ProbeResult, error: str | None = None) -> None:
    verification = Verification("a:B", probes, error)
    monkeypatch.setattr("policyfix.runtime.checker.verify", lambda *_args, **_options: verification)


def test_text_of_failures_gives_evidence_rule_and_hint_and_tells_what_is_alike_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(
        monkeypatch,
        ProbeResult("PV101", "stamps", "error", "KeyError: 'x' [bold] (a.py:3)", 0.1, "PF101"),
        ProbeResult("PV205", "carried-state", "fail", "starts from zero", 0.1, "PF205", "store it"),
        ProbeResult("PV503", "action-index", "error", "KeyError: 'x' [bold] (a.py:3)", 0.1, "PF503"),
    )
    result = run("a:B")
    assert result.exit_code == 1
    assert "PV101 stamps, PV503 action-index\n  KeyError: 'x' [bold] (a.py:3)" in result.stdout
    assert "PV205 carried-state  (policyfix explain PF205)\n  starts from zero" in result.stdout
    assert "hint: store it" in result.stdout


def test_an_environment_error_in_both_formats(tmp_path: Path) -> None:
    target = f"{tmp_path}/gone.py::Fast"
    text = run(target)
    assert (text.exit_code, text.stdout) == (2, "")
    assert text.stderr.count("\n") == 1
    assert "gone.py: no such file" in text.stderr
    report = run(target, "--output-format", "json")
    assert report.exit_code == 2
    printed = json.loads(report.stdout)
    assert printed["probes"] == []
    assert printed["summary"] == {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}
    assert "no such file" in printed["error"]


def test_a_report_without_jinja2_says_what_to_install_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = run("no.such:Policy", "--report", str(tmp_path / "r.html"))
    assert result.exit_code == 2
    assert "pip install 'policyfix[report]'" in result.stderr


def test_the_page_escapes_what_the_users_code_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(monkeypatch, ProbeResult("PV101", "stamps", "error", "<script>alert(1)</script>", 0.1))
    run("a:B", "--report", str(tmp_path / "r.html"))
    assert "&lt;script&gt;" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    "options", [["--timeout", "0"], ["--output-format", "xml"], ["--contract", "gone.yaml"]]
)
def test_wrong_usage(options: list[str]) -> None:
    assert run("a:B", *options).exit_code == 2
