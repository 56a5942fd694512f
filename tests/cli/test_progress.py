"""The line that a long run draws, and who never sees it."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest

from policyfix import contract, engine
from policyfix.cli import progress

AGENTS = Path(__file__).parents[2] / "examples" / "agents"


def test_nothing_is_drawn_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with progress.progress() as drawn:
        assert drawn is None


def test_a_long_run_on_a_terminal_draws_and_clears_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    clock = iter([0.0, 0.5, 2.0, 2.05, 3.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress() as drawn:
        assert drawn is not None
        drawn(1, 4)  # too early
        drawn(2, 4)
        drawn(3, 4)  # too soon after
        drawn(4, 4)
    said = capsys.readouterr().err
    assert " 50 %" in said
    assert "100 %" in said
    assert said.count("%") == 2
    assert said.endswith("\r\x1b[K")


def test_a_check_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    engine.check([AGENTS], contract.load(), progress=lambda done, total: told.append((done, total)))
    done = [part for part, _ in told]
    sizes = {path.stat().st_size for path in AGENTS.glob("*.py")}
    assert done[0] == 0
    assert {after - before for before, after in pairwise(done)} <= sizes
    (total,) = {total for _, total in told}
    assert total - done[-1] in sizes
