"""Every file is judged, whoever takes it."""

import os
import time
from pathlib import Path

import pytest

from policyfix.finding import Problem
from policyfix.proof import Proof

PATHS = [Path(f"{number}.py") for number in range(40)]
BAD = {PATHS[0], PATHS[17], PATHS[39]}


def judge(path: Path) -> Problem | None:
    time.sleep(0.001)
    return Problem(str(path), 1, "is bad") if path in BAD else None


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("busy", [0.0, 0.02, 0.2])  # seconds before this process helps
def test_the_problems_of_all_files_are_found(beside: bool, busy: float) -> None:
    proof = Proof(PATHS, judge, beside)
    time.sleep(busy)
    assert proof.finish().keys() == BAD


def test_both_processes_take_a_part() -> None:
    judged = []

    def noted(path: Path) -> Problem | None:
        judged.append(path)
        return judge(path)

    proof = Proof(PATHS, noted, beside=True)
    time.sleep(0.01)
    assert proof.finish().keys() == BAD
    assert PATHS[39] in judged
    assert PATHS[0] not in judged


def test_what_a_process_that_died_leaves_undone_is_done() -> None:
    here = os.getpid()

    def fatal(path: Path) -> Problem | None:
        if os.getpid() != here and path == PATHS[5]:
            os._exit(1)
        return judge(path)

    proof = Proof(PATHS, fatal, beside=True)
    time.sleep(0.2)
    assert proof.finish().keys() == BAD


def test_no_files() -> None:
    assert Proof([], judge, beside=True).finish() == {}
