"""The command: what it writes and when not, its exit codes, what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from classic_agents import MIGRATED, REFUSED
from click.testing import CliRunner, Result

from policyfix.cli.apply import apply
from policyfix.runtime.checker import ProbeResult, Verification

CLASSIC = MIGRATED["classic"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(apply, arguments)


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `agents` with the classic agent, under the current one; no git around it."""
    folder = tmp_path / "agents"
    folder.mkdir()
    for name, text in CLASSIC.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_it_writes_says_what_it_did_and_has_nothing_to_do_a_second_time(agents: Path) -> None:
    before = contents(agents)
    first = run("agents")
    assert (first.exit_code, first.stdout) == (0, "")
    assert first.stderr == (
        "agents/agent.py: mended PF101, PF202, PF205, PF206, PF301, PF401, PF702: "
        "migrate Agent to policyfix.runtime.RecurrentPolicy\n"
    )
    after = contents(agents)
    assert {name for name in before if before[name] != after[name]} == {"agent.py"}
    second = run("agents")
    assert (second.exit_code, second.stderr) == (0, "nothing to change\n")
    assert contents(agents) == after


def test_a_diff_writes_nothing_and_exits_with_1_where_there_is_one(agents: Path) -> None:
    before = contents(agents)
    shown = run("--diff", "agents")
    assert shown.exit_code == 1
    assert shown.stdout.startswith("--- a/agents/agent.py\n+++ b/agents/agent.py\n")
    assert "would mend" in shown.stderr
    assert contents(agents) == before
    run("agents")
    assert run("--diff", "agents").exit_code == 0


def test_what_is_left_is_named_with_the_reason_and_exits_with_1(agents: Path) -> None:
    files, _ = REFUSED["temperature"]
    (agents / "agent.py").write_text(files["agent.py"].replace("return kind + self", "return self"))
    result = run("agents")
    assert result.exit_code == 1
    assert "left: agents/agent.py:" in result.stderr
    assert "needs --unsafe: add the action type to its index" in result.stderr
    again = run("--unsafe", "agents")
    assert again.exit_code == 0
    assert "mended PF503" in again.stderr
    assert "left:" not in again.stderr


def test_a_path_that_does_not_exist_is_a_usage_error(agents: Path) -> None:
    result = run("gone")
    assert result.exit_code == 2
    assert "gone does not exist" in result.stderr


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_mended(agents: Path) -> None:
    (agents / "broken.py").write_text("def forward(:\n")
    result = run("agents")
    assert result.exit_code == 2
    assert "agents/broken.py" in result.stderr
    assert b"RecurrentPolicy" in contents(agents)["agent.py"]


def test_a_rewrite_that_cannot_be_written_exits_with_2(agents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_source: Path, target: Path) -> None:
        raise OSError(13, "Permission denied", str(target))

    before = contents(agents)
    monkeypatch.setattr(os, "replace", failing)
    result = run("agents")
    assert result.exit_code == 2
    assert "Permission denied; nothing is changed" in result.stderr
    assert "Traceback" not in result.output
    assert contents(agents) == before


def test_dirty_files_are_left_alone_but_only_those_that_would_be_touched(agents: Path) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    before = contents(agents)
    result = run("agents")
    assert result.exit_code == 2
    assert "agents/agent.py has uncommitted changes" in result.stderr
    assert "net.py" not in result.stderr
    assert contents(agents) == before
    assert run("--diff", "agents").exit_code == 1  # nothing is written: nothing is at stake
    subprocess.run([*git, "add", "agents/agent.py"], check=True)  # staged: git can bring it back
    assert run("agents").exit_code == 0


def test_dirty_files_are_written_when_that_is_allowed(agents: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert run("--allow-dirty", "agents").exit_code == 0


# ------------------------------------------------------------------------------------------------ --verify


def faked(
    monkeypatch: pytest.MonkeyPatch, status: str, error: str | None = None
) -> list[tuple[str, list[str]]]:
    """Verifications that end as told; returns what they are asked for."""
    asked: list[tuple[str, list[str]]] = []

    def verify(target: str, *, select: list[str], **_options: object) -> Verification:
        asked.append((target, select))
        probes = tuple(ProbeResult(code, "name", status, "evidence", 0.1) for code in select)  # type: ignore[arg-type]
        return Verification(target, probes, error)

    monkeypatch.setattr("policyfix.runtime.checker.verify", verify)
    monkeypatch.setattr("policyfix.cli.apply._need_torch", lambda: None)  # seconds, and tested below
    return asked


def test_the_probes_of_what_was_mended_are_run_on_what_was_written(
    agents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = faked(monkeypatch, "pass")
    result = run("--verify", "agents")
    assert result.exit_code == 0
    codes = ["PV101", "PV202", "PV205", "PV206", "PV301", "PV401"]
    assert asked == [(f"{agents / 'agent.py'}::Agent", codes)]
    assert f"verified Agent: {', '.join(codes)}\n" in result.stderr
    assert b"RecurrentPolicy" in contents(agents)["agent.py"]


@pytest.mark.parametrize(
    ("status", "error"), [("fail", None), ("error", None), ("skipped", "none could run")]
)
def test_every_file_is_put_back_where_a_probe_does_not_pass(
    agents: Path, monkeypatch: pytest.MonkeyPatch, status: str, error: str | None
) -> None:
    second = CLASSIC["agent.py"].replace("class Agent", "class Other")
    (agents / "other.py").write_text(second)
    before = contents(agents)
    faked(monkeypatch, status, error)
    result = run("--verify", "agents")
    assert result.exit_code == 1
    assert "every file is put back as it was" in result.stderr
    assert "--exclude leaves a file out" in result.stderr
    assert ("none could run" if error else "PV101 name: evidence") in result.stderr
    assert "mended" not in result.stderr
    assert contents(agents) == before


def test_an_interrupt_while_the_probes_run_puts_every_file_back(
    agents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object, **_options: object) -> Verification:
        raise KeyboardInterrupt

    before = contents(agents)
    monkeypatch.setattr("policyfix.runtime.checker.verify", interrupted)
    monkeypatch.setattr("policyfix.cli.apply._need_torch", lambda: None)
    assert run("--verify", "agents").exit_code == 1
    assert contents(agents) == before


def test_a_class_that_cannot_be_built_is_not_proven_and_put_back(agents: Path) -> None:
    agent = agents / "agent.py"
    agent.write_text(
        agent.read_text().replace(
            "        if policy is None", "        env.no_such_thing\n        if policy is None"
        )
    )
    before = contents(agents)
    result = run("--verify", "agents")
    assert result.exit_code == 1
    assert "no_such_thing" in result.stderr
    assert contents(agents) == before


def test_without_torch_nothing_is_written_and_the_extra_is_named(agents: Path) -> None:
    shadows = agents.parent / "shadows"
    shadows.mkdir()
    (shadows / "torch.py").write_text("raise ModuleNotFoundError('No module named torch', name='torch')\n")
    before = contents(agents)
    done = subprocess.run(
        [sys.executable, "-m", "policyfix", "apply", "--verify", "agents"],
        env={**os.environ, "PYTHONPATH": str(shadows)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "Error: --verify needs torch and tensordict: pip install 'policyfix[runtime]'\n"
    assert contents(agents) == before


def test_a_diff_needs_no_torch_even_with_verify(agents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = faked(monkeypatch, "fail")
    assert run("--diff", "--verify", "agents").exit_code == 1
    assert asked == []
