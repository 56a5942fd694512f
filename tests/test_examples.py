"""The demo tells its story with the exit codes that it promises, and the README shows what it prints."""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from checkout import ROOT
from click.testing import CliRunner

from policyfix.cli import main


def test_the_demo_goes_as_told() -> None:
    path = sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"]
    before = {file: file.read_bytes() for file in (ROOT / "examples").rglob("*.py")}
    done = subprocess.run(
        [ROOT / "examples" / "demo.sh"], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    codes = re.findall(r"^\[exit code (\d)\]$", done.stdout, re.MULTILINE)
    # check, verify, apply --diff, apply; apply --unsafe, check, verify twice
    assert codes == ["1", "1", "1", "1", "0", "0", "0", "0"]
    assert "left: agents/keeper.py:12:7: PF206" in done.stderr
    assert done.stderr.count("left: ") == 1
    assert "left: agents/forager.py" not in done.stderr
    assert "RecurrentPolicy" in done.stdout  # the diff
    assert {file: file.read_bytes() for file in (ROOT / "examples").rglob("*.py")} == before
    session = re.findall(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)[0]
    commands = session.split("$ ")[1:]
    assert len(commands) == 7
    printed = _words(done.stdout + done.stderr)
    for text in commands[1:]:  # the first is shown as a terminal shows it
        command, _, output = text.partition("\n")
        for piece in [command, *output.split("[...]")]:
            assert _words(piece) in printed


def test_the_readme_shows_what_a_terminal_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples" / "agents", tmp_path / "agents")
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(main, ["check", "agents", "--output-format", "rich"]).stdout
    session = re.findall(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)[0]
    for finding in session.split("$ ")[1].split("[...]")[1].strip().split("\n\n"):
        assert finding in shown


def _words(text: str) -> str:
    return " ".join(text.split())
