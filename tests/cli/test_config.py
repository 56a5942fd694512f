"""Settings on the command line: selection, suppressions, walks, `config`, `rules`, standard input."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from policyfix.cli import main
from policyfix.rule import discover

AGENTS = Path(__file__).parents[2] / "examples" / "agents"
CASES = Path(__file__).parents[1] / "rules"
KEEPER = (AGENTS / "keeper.py").read_text()


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(AGENTS, tmp_path / "agents")).relative_to(tmp_path)


def policyfix(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin)


def report(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    result = policyfix("check", *arguments, "--output-format", "json", stdin=stdin)
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def codes(*arguments: str) -> set[str]:
    return set(report(*arguments)["summary"]["codes"])


def files(*arguments: str) -> set[str]:
    return set(policyfix("check", "--show-files", *arguments).stdout.split())


def test_rules_are_selected_by_code_prefix_and_name(agents: Path) -> None:
    assert codes("agents", "--select", "PF101,attached-state") == {"PF101", "PF201"}
    assert all(code.startswith("PF5") for code in codes("agents", "--select", "PF5"))
    assert codes("agents", "--select", "PF101,PF5", "--ignore", "PF5") == {"PF101"}
    assert "PF101" not in codes("agents", "--ignore", "missing-stamps")


def test_settings_apply_and_the_command_line_goes_first(agents: Path) -> None:
    Path("pyproject.toml").write_text('[tool.policyfix]\nselect = ["PF101"]\noutput-format = "concise"\n')
    assert codes("agents") == {"PF101"}
    assert ": PF101 " in policyfix("check", "agents").stdout.splitlines()[0]
    assert codes("agents", "--select", "PF201") == {"PF201"}
    assert codes("agents", "--extend-select", "PF201") == {"PF101", "PF201"}
    assert codes("agents", "--isolated") > {"PF101", "PF201"}
    Path("other.toml").write_text('select = ["PF503"]\n')
    assert codes("agents", "--config", "other.toml") == {"PF503"}


def test_settings_are_found_above_the_path_that_is_given(
    agents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (agents / "policyfix.toml").write_text('select = ["PF201"]\n')
    monkeypatch.chdir("/")
    assert codes(str(tmp_path / agents / "keeper.py")) == {"PF201"}


def test_rules_are_silent_where_the_settings_say_so(agents: Path) -> None:
    Path("policyfix.toml").write_text(
        'per-file-ignores = { "agents/keep*" = ["PF101"], "elsewhere/*" = ["PF201"] }\n'
    )
    found = {(Path(f["path"]).name, f["code"]) for f in report("agents")["findings"]}
    assert ("keeper.py", "PF101") not in found
    assert {("keeper.py", "PF201"), ("forager.py", "PF101")} <= found


def test_a_severity_can_be_set_and_the_more_exact_selector_decides(agents: Path) -> None:
    Path("policyfix.toml").write_text('severity = { PF101 = "error", PF1 = "warning", PF2 = "warning" }\n')
    shown = {f["code"]: f["severity"] for f in report("agents")["findings"]}
    assert (shown["PF101"], shown["PF106"], shown["PF201"]) == ("error", "warning", "warning")
    assert shown["PF503"] == "error"


def test_an_unknown_rule_in_the_settings_is_an_error_with_the_file(agents: Path) -> None:
    Path("policyfix.toml").write_text('per-file-ignores = { "a" = ["PF1O1"] }\n')
    result = policyfix("check", "agents")
    assert result.exit_code == 2
    assert (
        "policyfix.toml: per-file-ignores.'a': no rule is called PF1O1; did you mean PF101?" in result.stderr
    )


def test_excluded_files_are_read_when_named_unless_exclusion_is_forced(agents: Path) -> None:
    Path("policyfix.toml").write_text('exclude = ["keeper.py"]\n')
    assert "agents/keeper.py" not in files("agents")
    assert files("agents/keeper.py") == {"agents/keeper.py"}
    assert files("agents/keeper.py", "--force-exclude") == set()
    assert policyfix("check", "agents/keeper.py", "--force-exclude").exit_code == 0
    Path("policyfix.toml").write_text('exclude = ["agents"]\n')
    assert files(".") == set()
    assert "agents/keeper.py" in files("agents")
    Path("policyfix.toml").write_text('exclude = ["agents"]\nforce-exclude = true\n')
    assert files("agents/keeper.py") == files("agents") == set()


def test_globs_of_the_settings_start_from_their_file_and_those_of_an_option_from_here(
    agents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("policyfix.toml").write_text('exclude = ["agents/keeper.py"]\n')
    monkeypatch.chdir(agents)
    assert "keeper.py" not in files()
    (Path("deep") / "er").mkdir(parents=True)
    Path("deep/er/a.py").write_text("")
    assert "deep/er/a.py" in files()
    assert "deep/er/a.py" not in files("--exclude", "deep/er")


def test_what_git_ignores_is_passed_over_unless_it_is_given(agents: Path) -> None:
    Path(".git").mkdir()
    Path(".gitignore").write_text("kee*.py\n/out/\n!kept.py\n")
    for name in ("out/a.py", "agents/out/b.py", "agents/sub/c.py", "agents/sub/d.py"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    Path("agents/sub/.gitignore").write_text("c.py\n")
    shown = files(".")
    assert {"agents/out/b.py", "agents/sub/d.py", "agents/forager.py"} <= shown
    assert not {"out/a.py", "agents/sub/c.py", "agents/keeper.py"} & shown
    assert "agents/keeper.py" not in files("agents")  # the file above counts for a folder below, too
    assert files("out") == {"out/a.py"}
    assert files("agents/keeper.py") == {"agents/keeper.py"}
    assert {"out/a.py", "agents/keeper.py"} <= files(".", "--no-respect-gitignore")


def test_standard_input_is_checked_under_the_name_that_is_given(agents: Path) -> None:
    bare = report("-", stdin=KEEPER)
    assert {f["path"] for f in bare["findings"]} == {"-"}
    named = report("--stdin-filename", "agents/new.py", "-", stdin=KEEPER)
    assert {f["path"] for f in named["findings"]} == {"agents/new.py"}
    shown = policyfix(
        "check",
        "--output-format",
        "rich",
        "--stdin-filename",
        "agents/keeper.py",
        stdin="# one line more\n" + KEEPER,
    )
    assert "out, (self._h, self._c) = self.lstm(x, state)" in shown.stdout
    Path("policyfix.toml").write_text('per-file-ignores = { "agents/*" = ["PF2"] }\n')
    assert "PF201" not in report("-", "--stdin-filename", "agents/new.py", stdin=KEEPER)["summary"]["codes"]


def test_standard_input_is_linked_to_the_files_beside_its_name(agents: Path) -> None:
    forager = (agents / "forager.py").read_text()
    (agents / "forager.py").unlink()
    assert "PF205" in report("-", "--stdin-filename", "agents/forager.py", stdin=forager)["summary"]["codes"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "-", "agents"], "standard input is checked alone"),
        (["apply", "-"], "standard input is none"),
        (["check", "--isolated", "--config", "policyfix.toml"], "exclude each other"),
        (["check", "--config", "none.toml"], "none.toml"),
        (["check", "--output", "sarif"], "is not FORMAT=FILE"),
        (["check", "--output", "yaml=x"], "is not FORMAT=FILE"),
        (["check", "--output", "json=-"], "use --output-format json"),
        (["check", "--output", "json=no/such/folder"], "cannot write no/such/folder"),
        (["check", "--select", "PF1O1"], "did you mean PF101?"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(agents: Path, arguments: list[str], said: str) -> None:
    Path("policyfix.toml").write_text("")
    result = policyfix(*arguments, stdin="")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_several_reports_come_of_one_run(agents: Path) -> None:
    result = policyfix(
        "check", "agents", "--output", "sarif=a.sarif", "--output", "junit=b.xml", "--statistics"
    )
    assert result.exit_code == 1
    assert json.loads(Path("a.sarif").read_text())["version"] == "2.1.0"
    assert Path("b.xml").read_text().startswith("<?xml")
    assert "PF101  missing-stamps" in result.stdout


def test_a_suppression_silences_and_an_unused_one_is_mended(agents: Path) -> None:
    line = "        out, (self._h, self._c) = self.lstm(x, state)"
    keeper = agents / "keeper.py"
    keeper.write_text(KEEPER.replace(line, f"{line}  # policyfix: ignore[PF201, PF205] -- wanted"))
    assert codes("agents", "--select", "PF201") == set()
    assert codes("agents", "--select", "PF201,PF205,PF900") >= {"PF900"}
    assert "PF900" not in codes("agents", "--select", "PF201,PF900")  # PF205 did not run
    assert "PF900" not in codes("agents/keeper.py")  # another file may need it
    policyfix("apply", "agents", "--select", "PF201,PF205,PF900", "--allow-dirty")
    assert f"{line}  # policyfix: ignore[PF201] -- wanted\n" in keeper.read_text()


def test_a_suppression_without_the_reason_that_is_required_does_not_count(agents: Path) -> None:
    Path("policyfix.toml").write_text("require-reason = true\n")
    line = "        out, (self._h, self._c) = self.lstm(x, state)"
    keeper = agents / "keeper.py"
    keeper.write_text(KEEPER.replace(line, f"{line}  # policyfix: ignore[PF201]"))
    found = report("agents", "--select", "PF201,PF900")["findings"]
    assert [f["code"] for f in found] == ["PF201", "PF900"]
    assert found[1]["fix"] is None
    keeper.write_text(KEEPER.replace(line, f"{line}  # policyfix: ignore[PF201] -- detached by the caller"))
    assert codes("agents", "--select", "PF201,PF900") == set()


def test_config_shows_what_is_in_effect_and_where_it_comes_from(agents: Path) -> None:
    Path("policyfix.toml").write_text('select = ["PF1"]\nignore = ["PF106"]\n')
    text = policyfix("config").stdout
    assert f"# {os.path.abspath('policyfix.toml')}" in text
    assert 'select = ["PF1"]' in text
    document = json.loads(policyfix("config", "--output-format", "json", "--extend-select", "PF201").stdout)
    assert document["settings"]["extend-select"] == ["PF201"]
    assert {"PF101", "PF201"} <= set(document["rules"])
    assert "PF106" not in document["rules"]


def test_what_config_shows_can_be_written_down_as_settings(agents: Path) -> None:
    Path("policyfix.toml").write_text(
        'select = ["PF1"]\nper-file-ignores = { "a é/*" = ["PF2"] }\nseverity = { PF1 = "warning" }\n'
    )
    first = json.loads(policyfix("config", "--output-format", "json").stdout)["settings"]
    Path("policyfix.toml").write_text(policyfix("config").stdout)
    assert json.loads(policyfix("config", "--output-format", "json").stdout)["settings"] == first


def explained(*arguments: str) -> dict[str, Any]:
    document = json.loads(policyfix("config", "--output-format", "json", "--explain", *arguments).stdout)
    file: dict[str, Any] = document["file"]
    return file


def test_explain_tells_subjects_evidence_and_what_each_rule_said(agents: Path) -> None:
    file = explained("agents/forager.py")
    assert file["is_candidate"] is True
    forager, net = file["classes"]
    assert forager["bases"] == ["Forager (forager.py)", "LSTMWrapper (wrapper.py)", "torch.nn.Module"]
    assert forager["no_subject"] is None
    assert "forward" in net["no_subject"]
    (subject,) = file["subjects"]
    assert subject["kind"] == "PolicyClass"
    assert "under the contract of metta: yes" in subject["evidence"]
    assert subject["rules"]["PF205"] == [
        "line 31: the new state of the LSTM is dropped: every step starts from zero"
    ]
    assert subject["rules"]["PF201"] == []
    text = policyfix("config", "--explain", "agents/forager.py").stdout
    assert "PF205: line 31" in text
    assert "found nothing:" in text


def test_explain_tells_why_nothing_was_said(agents: Path) -> None:
    Path("plain.py").write_text("import base\n\n\nclass A(base.Unknown):\n    def forward(self, td): ...\n")
    file = explained("plain.py")
    assert file["is_candidate"] is False
    (cls,) = file["classes"]
    assert cls["unknown"] is True
    assert "does not reach nn.Module" in cls["no_subject"]
    line = "        out, (self._h, self._c) = self.lstm(x, state)"
    (agents / "keeper.py").write_text(KEEPER.replace(line, f"{line}  # policyfix: ignore[PF201] -- wanted"))
    hushed = explained("agents/keeper.py")["hushed"]
    assert [each for each in hushed if "PF201" in each]
    Path(".gitignore").write_text("agents/\n")
    assert explained("agents/keeper.py")["left_out"] == ".gitignore names agents"
    Path("broken.py").write_text("def broken(:\n")
    assert "is not valid Python" in explained("broken.py")["problems"][0]


def test_explain_tells_of_agent_configs_and_of_trainers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CASES / "memory/core_depth_mismatch/bad_twin_of_a_config", "config")
    Path("config/other.yaml").write_text("components: 3\n")
    file = explained("config/swift_forager.yaml")
    assert (file["is_candidate"], file["left_out"]) == (True, None)
    assert file["subjects"][0]["kind"] == "AgentConfig"
    assert "PF404" in file["subjects"][0]["rules"]
    other = explained("config/other.yaml")
    assert other["is_candidate"] is False
    assert "describes no agent" in other["left_out"]
    shutil.copytree(CASES / "trainer/untruncated_advantage/bad_function_of_another_file", "loop")
    trainer = explained("loop/train.py")
    assert "a trainer" in trainer["because"]
    (note,) = trainer["subjects"]
    assert "advantage.py line" in note["rules"]["PF606"][0]
    assert len(trainer["reported"]) == 1
    assert f"(in {Path('loop/advantage.py')}:" in trainer["reported"][0]


def test_code_in_a_file_that_is_not_checked_is_silenced_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CASES / "tensordict/mutated_observation/bad_only_the_policy_file_is_checked", "agents")
    cleaning = Path("agents/elsewhere/cleaning.py")
    (whole,) = report(".", "--select", "PF106")["findings"]
    assert Path(whole["path"]) == cleaning
    (moved,) = report("agents/forager.py", "--select", "PF106")["findings"]
    assert moved["path"] == "agents/forager.py"
    assert f"(in {cleaning}:{whole['line']})" in moved["message"]

    assert policyfix("baseline", ".", "--select", "PF106").exit_code == 0
    known = ["--select", "PF106", "--baseline", "policyfix-baseline.json"]
    assert policyfix("check", "agents/forager.py", *known).exit_code == 0

    text = cleaning.read_text().splitlines()
    text[whole["line"] - 1] += "  # policyfix: ignore[PF106] -- a copy comes in"
    Path("policyfix.toml").write_text('per-file-ignores = { "cleaning.py" = ["PF106"] }\n')
    assert policyfix("check", "agents/forager.py", "--select", "PF106").exit_code == 0
    Path("policyfix.toml").unlink()
    assert policyfix("check", "agents/forager.py", "--select", "PF106").exit_code == 1
    cleaning.write_text("\n".join(text))
    assert policyfix("check", "agents/forager.py", "--select", "PF106,PF900").exit_code == 0
    assert policyfix("check", ".", "--select", "PF106,PF900").exit_code == 0


def test_rules_lists_every_rule_with_its_fix() -> None:
    document = json.loads(policyfix("rules", "--output-format", "json").stdout)
    assert [row["code"] for row in document["rules"]] == [rule.code for rule in discover()]
    fixes = {row["code"]: row["fix"] for row in document["rules"]}
    assert fixes["PF503"] == ["unsafe"]
    assert fixes["PF902"] == []
    lines = policyfix("rules").stdout.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[rule.code, rule.name] for rule in discover()]
    assert all(rule.summary() in line for rule, line in zip(discover(), lines, strict=True))


TRACKER = """
import torch
from tensordict import TensorDict
from torch import nn


class Tracker(nn.Module):
    def __init__(self, env, key="pixels"):
        super().__init__()
        self.key = key
        self.lstm = nn.LSTM(64, 64)
        self.actor = nn.Linear(64, 19)

    def forward(self, td: TensorDict, state=None, action=None):
        out, _ = self.lstm(td[self.key].float().unsqueeze(0))
        td["full_log_probs"] = self.actor(out.squeeze(0)).log_softmax(-1)
        return td


class QuickTracker(Tracker):
    pass
"""


@pytest.mark.parametrize("name", ["Tracker", "tracker.Tracker", "agents.tracker.Tracker"])
def test_a_class_that_the_settings_list_is_under_the_contract(agents: Path, name: str) -> None:
    path = agents / "tracker.py"
    path.write_text(TRACKER)
    assert codes(str(path)) & {"PF101", "PF301"} == set()
    Path("policyfix.toml").write_text(f'policies = ["{name}"]\n')
    assert {"PF101", "PF301"} <= codes(str(path))
    assert "the settings list it" in policyfix("config", "--explain", str(path)).output


@pytest.mark.parametrize("name", ["racker", "tracker.Other", "other.Tracker", "QuickTracker"])
def test_a_name_of_another_class_lists_nothing(agents: Path, name: str) -> None:
    path = agents / "tracker.py"
    path.write_text(TRACKER)
    Path("policyfix.toml").write_text(f'policies = ["{name}"]\n')
    symbols = {f["symbol"].partition(".")[0] for f in report(str(path))["findings"] if f["code"] == "PF301"}
    assert symbols == ({"QuickTracker"} if name == "QuickTracker" else set())


def test_a_subclass_of_a_listed_class_is_meant_too(agents: Path) -> None:
    (agents / "tracker.py").write_text(TRACKER.partition("\n\nclass QuickTracker")[0])
    path = agents / "quick.py"
    path.write_text("from tracker import Tracker\n\n\nclass Quick(Tracker):\n    pass\n")
    assert "PF301" not in codes(str(path))
    Path("policyfix.toml").write_text('policies = ["Tracker"]\n')
    assert "PF301" in codes(str(path))
