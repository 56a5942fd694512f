"""The code on the pages about the library runs, and proves what the pages claim."""

import json
import re
import runpy
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from checkout import ROOT
from click.testing import CliRunner

from policyfix.cli import main
from policyfix.runtime.checkpoints import FORMATS, format_of, read_state
from policyfix.runtime.modes import reasons
from policyfix.runtime.training.memory_task import CueRecall

DOCS = ROOT / "docs"


def run_blocks(page: str) -> dict[str, object]:
    """Execute the page's Python blocks one after the other, in one namespace of their own, and return it.

    Blocks on mettagrid are passed over where it is not installed.
    """
    path = DOCS / page
    text = path.read_text()
    namespace: dict[str, object] = {"__name__": path.stem}
    for found in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S):
        if "mettagrid" in found[1] and not has_mettagrid():
            continue
        lines_before = text.count("\n", 0, found.start(1))  # so that a traceback names the page's line
        exec(compile("\n" * lines_before + found[1], path, "exec"), namespace)
    return namespace


def has_mettagrid() -> bool:
    try:
        import_module("mettagrid.simulator")
    except ImportError:
        return False
    return True


def run_commands(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the page's commands of the runtime in this process, in their order; each must exit with 0."""
    commands = re.findall(r"^(?:\$ )?python -m (policyfix\.runtime.*)$", (DOCS / page).read_text(), re.M)
    for command in commands:
        module, *arguments = command.split()
        if "FOLDER..." in arguments or "mettagrid" in arguments:
            continue
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        status = 0
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as ended:
            status = ended.code
        assert status == 0, command


pytestmark = pytest.mark.filterwarnings("ignore:.*found in sys.modules after import of package")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("page", ["policies.md", "modes.md", "training.md"])
def test_the_code_that_is_shown_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(page)


def test_training_from_the_shell(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    run_commands("training.md", monkeypatch)
    assert [json.loads(line)["update"] for line in capsys.readouterr().out.splitlines()] == [1, 2]


def test_a_recording_of_ones_own_is_replayed(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = run_blocks("golden.md")
    monkeypatch.setitem(sys.modules, "my_agent", SimpleNamespace(build=namespace["build"]))
    run_commands("golden.md", monkeypatch)
    (told,) = re.findall(r"^recorded: (\d+ tensors, 0 over)", (DOCS / "golden.md").read_text(), re.M)
    assert told in capsys.readouterr().out


def test_checkpoints_are_converted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks("checkpoints.md")
    run_commands("checkpoints.md", monkeypatch)
    assert format_of(read_state(tmp_path / "agent.pt")) == "pytorch"


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the examples' agents, in the working directory and ready to import."""
    shutil.copytree(ROOT / "examples" / "agents", tmp_path / "agents")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "agents"
    forget_agents()


def forget_agents() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "agents"]:
        del sys.modules[name]


def test_a_checkpoint_from_before_the_migration_loads(agents: Path) -> None:
    broken = import_module("agents.forager").Forager(CueRecall())
    torch.save(broken.state_dict(), "forager.pt")
    forget_agents()
    assert CliRunner().invoke(main, ["apply", "--isolated", str(agents)]).exit_code == 1  # PF206 is left
    shutil.rmtree(agents / "__pycache__", ignore_errors=True)  # a rewrite within one second looks unchanged
    run_blocks("migrating.md")


def test_every_format_of_checkpoints_is_told() -> None:
    assert re.findall(r"^\| `(\w+)` \|", (DOCS / "checkpoints.md").read_text(), re.M) == list(FORMATS)


def test_switches_are_told_with_their_reasons() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", (DOCS / "modes.md").read_text(), re.M))
    assert rows == reasons()
