"""The clean sources: `check` is silent on them, and running them proves that it may be."""

import subprocess
import sys
from pathlib import Path

import pytest

from policyfix import contract
from policyfix.engine import check

CLEAN = Path(__file__).parent / "data" / "clean"
POLICIES = [
    "cell:Scout",
    "gru:Ranger",
    "migrated:Pilot",
    "mixin:Keeper",
    "nested:Warden",
    "store:Miner",
    "tokens:Gatherer",
    "tokens:Surveyor",
    "wrapper:Forager",
]


def test_check_is_silent():
    result = check([CLEAN], contract.load())  # every rule, those off by default too
    assert [(f.code, f.path, f.line) for f in result.findings] == []


@pytest.mark.parametrize("policy", POLICIES)
def test_every_probe_passes(policy):
    command = [sys.executable, "-m", "policyfix", "verify", f"clean.{policy}", "--search-path", "."]
    done = subprocess.run(command, cwd=CLEAN.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 failed, 0 errors" in done.stdout
