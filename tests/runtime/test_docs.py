"""The code on the pages about the library runs, and proves what the pages claim."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch
from checkout import ROOT
from click.testing import CliRunner

from policyfix.cli import main
from policyfix.runtime.modes import reasons
from policyfix.runtime.training.memory_task import CueRecall

DOCS = ROOT / "docs"


def run_blocks(page: str) -> None:
    """Execute the page's Python blocks one after the other, in one namespace of their own."""
    path = DOCS / page
    text = path.read_text()
    namespace = {"__name__": path.stem}
    for found in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S):
        lines_before = text.count("\n", 0, found.start(1))  # so that a traceback names the page's line
        exec(compile("\n" * lines_before + found[1], path, "exec"), namespace)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("page", ["policies.md", "modes.md"])
def test_the_code_that_is_shown_runs(page: str) -> None:
    run_blocks(page)


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


def test_switches_are_told_with_their_reasons() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", (DOCS / "modes.md").read_text(), re.M))
    assert rows == {name: reasons()[name] for name in rows}
