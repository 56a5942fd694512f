"""What was rewritten runs: old weights load, the numbers are the old ones, and the mended clauses hold."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT
from classic_agents import MIGRATED, REFUSED, Files

from policyfix import contract
from policyfix.rewrite import rewrite, write
from policyfix.runtime.checker import verify

# Agents that are mended in place, with everything that the runs ask for.
IN_PLACE = (
    "temperature",
    "masked logits",
    "further key",
    "residual around the core",
    "scaled value",
    "wrapper with a normaliser",
    "depth by position",
    "own state",
    "own state, by hand",
)
CASES: dict[str, Files] = MIGRATED | {name: REFUSED[name][0] for name in IN_PLACE}
needs_pufferlib = pytest.mark.skipif(
    importlib.util.find_spec("pufferlib") is None, reason="pufferlib is not installed"
)


def lay(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("agents")
    folders = {}
    for number, (name, files) in enumerate(CASES.items()):
        if name == "pufferlib" and importlib.util.find_spec("pufferlib") is None:
            continue
        before, after = lay(root / str(number) / "before", files), lay(root / str(number) / "after", files)
        write(rewrite([after], contract.load()).changes)
        folders[name] = [str(before), str(after)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "data" / "codemods" / "run_agents.py")],
        input=json.dumps(folders),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs_pufferlib if n == "pufferlib" else ()) for n in CASES]
)
def test_a_mended_agent_keeps_its_weights_and_numbers_and_the_contract(
    name: str, complaints: dict[str, str]
) -> None:
    assert complaints[name] == ""


def test_the_probes_pass_on_what_is_mended_in_place(tmp_path: Path) -> None:
    folder = lay(tmp_path / "agents", REFUSED["temperature"][0])
    probes = ["PV101", "PV201", "PV202", "PV203", "PV204", "PV205", "PV301", "PV302", "PV401", "PV406"]
    write(rewrite([folder], contract.load()).changes)
    result = verify(f"{folder / 'agent.py'}::Agent", contract=contract.default_path(), select=probes)
    assert result.error is None
    assert {p.code: p.evidence for p in result.probes if p.status != "pass"} == {}
    assert [p.code for p in result.probes] == probes


def test_the_probes_pass_on_a_core_that_is_initialised_in_place(tmp_path: Path) -> None:
    folder = lay(tmp_path / "agents", REFUSED["own state, by hand"][0])
    write(rewrite([folder], contract.load(), unsafe=True).changes)
    probes = ["PV201", "PV202", "PV203", "PV204", "PV205", "PV206", "PV208"]
    result = verify(f"{folder / 'agent.py'}::Agent", contract=contract.default_path(), select=probes)
    assert result.error is None
    assert {p.code: p.evidence for p in result.probes if p.status != "pass"} == {}
