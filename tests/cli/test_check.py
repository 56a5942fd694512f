"""`policyfix check` and `explain` as a user meets them: output, shapes, exit codes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from policyfix.cli import COMMANDS, main
from policyfix.contract import default_path
from policyfix.rule import discover

AGENTS = Path(__file__).parents[2] / "examples" / "agents"


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(AGENTS, tmp_path / "agents")).relative_to(tmp_path)


def policyfix(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def report(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(policyfix("check", *arguments, "--output-format", "json").stdout)
    return document


def test_json_has_the_public_shape(agents: Path) -> None:
    document = report(str(agents))
    assert list(document) == ["version", "findings", "errors", "summary"]
    assert document["version"] == 1
    fields = "code name severity message path line column end_line end_column symbol fix".split()
    for finding in document["findings"]:
        assert list(finding) == fields
        assert finding["path"] in (f"{agents}/forager.py", f"{agents}/keeper.py")
        assert finding["fix"] is None or set(finding["fix"]) == {"tier", "title"}
    tiers = {f["code"]: f["fix"]["tier"] for f in document["findings"] if f["fix"]}
    assert tiers["PF503"] == "unsafe"
    assert tiers["PF101"] == tiers["PF501"] == "safe"
    assert document["summary"]["findings"] == len(document["findings"]) > 0
    assert document["errors"] == []


def test_an_unreadable_file_is_in_the_errors_and_the_exit_code(agents: Path) -> None:
    (agents / "broken.py").write_text("def broken(:\n")
    document = report(str(agents))
    (error,) = document["errors"]
    assert (error["code"], error["path"], error["line"]) == ("PF901", f"{agents}/broken.py", 1)
    assert document["findings"]
    assert policyfix("check", str(agents)).exit_code == 2


@pytest.mark.parametrize("output_format", ["rich", "concise", "json"])
def test_every_format_names_code_path_and_line(agents: Path, output_format: str) -> None:
    result = policyfix("check", str(agents), "--output-format", output_format)
    assert result.exit_code == 1
    assert "PF205" in result.output
    assert f"{agents}/forager.py" in result.output


def test_rich_shows_the_source_and_marks_the_place(agents: Path) -> None:
    lines = policyfix("check", str(agents), "--output-format", "rich").output.splitlines()
    shown = next(i for i, line in enumerate(lines) if "tokens[tokens == 255] = 0" in line)
    marks = lines[shown + 1]
    assert marks.count("^") == len("tokens[tokens == 255] = 0")
    assert marks.index("^") == lines[shown].index("tokens[")


def test_a_clean_file_says_so(agents: Path) -> None:
    result = policyfix("check", str(agents / "healthy.py"))
    assert (result.exit_code, result.output) == (0, "No defects in 1 file.\n")


def test_the_current_folder_is_the_default_and_can_be_thinned_out(agents: Path) -> None:
    everything = report()
    thinned = report("--exclude", "keeper.py", "--exclude", "*/forager.py")
    assert everything["summary"]["findings"] > 0
    assert thinned["summary"]["findings"] == 0
    assert thinned["summary"]["files"] == everything["summary"]["files"] - 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "missing.py"], "missing.py does not exist"),
        (["check", "empty"], "no Python file under empty"),
        (["check", "--output-format", "yaml"], "yaml"),
        (["check", "--contract", "bad.yaml", "."], "bad.yaml: not a contract: missing or wrong entry 'name'"),
        (["check", "--contract", "torn.yaml", "."], "torn.yaml: the contract cannot be read"),
        (["explain", "PF998"], "no rule is called PF998"),
        (["explain", "missing-stamp"], "did you mean missing-stamps?"),
        (["chekc"], "No such command 'chekc'; did you mean check?"),
        (["migrate"], "No such command 'migrate'"),
    ],
)
def test_wrong_usage_is_one_clear_message_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.yaml").write_text("stamps: []\n")
    (tmp_path / "torn.yaml").write_text("a: [\n")
    result = policyfix(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_another_contract_changes_what_is_asked_for(agents: Path, tmp_path: Path) -> None:
    text = default_path().read_text()
    (tmp_path / "other.yaml").write_text(text.replace("[bptt, batch]", "[steps]"))
    (tmp_path / "foreign.yaml").write_text(text.replace("key: env_obs", "key: pixels"))
    stamped = report(str(agents / "forager.py"), "--contract", "other.yaml")
    assert any('td["steps"]' in f["message"] for f in stamped["findings"])
    assert report(str(agents / "forager.py"), "--contract", "foreign.yaml")["findings"] == []


@pytest.mark.parametrize("rule", discover(), ids=lambda r: r.code)
def test_explain_shows_the_page_by_code_and_by_name(rule: Any) -> None:
    by_code, by_name = policyfix("explain", rule.code), policyfix("explain", rule.name)
    assert by_code.exit_code == by_name.exit_code == 0
    assert by_code.output == by_name.output
    assert "\nAsked of " in by_code.output
    for heading in ("What it does", "Why it matters", "Example", "Use instead", "Fix safety", "Source"):
        assert heading in by_code.output


def test_explain_knows_the_code_of_files_that_are_not_checked() -> None:
    by_code = policyfix("explain", "PF901")
    assert by_code.output == policyfix("explain", "unreadable-source").output
    assert "PF901 unreadable-source" in by_code.output
    assert "exit status" in by_code.output


def test_help_lists_every_command() -> None:
    output = policyfix("--help").output
    assert all(name in output for name in COMMANDS)


@pytest.mark.parametrize("name", ["random", "signal", "tempfile", "yaml", "rich"])
def test_the_checked_folder_is_never_imported(agents: Path, name: str) -> None:
    """`python -m` puts the current folder first: a module there that is called like ours must not run."""
    Path(f"{name}.py").write_text(f'open("{name} ran", "w").close()\n', encoding="utf-8")
    command = [sys.executable, "-m", "policyfix", "check", "--no-cache", "--isolated", "."]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert not Path(f"{name} ran").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    "arguments", [["check", str(AGENTS)], ["rules"], ["check", str(Path(__file__))]], ids=str
)
def test_output_that_is_lost_is_an_error_of_the_environment(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "policyfix", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "Error: cannot write the output: No space left on device\n")
