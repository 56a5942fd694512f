"""What is left of a line when a suppression that silences nothing is taken from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from policyfix import contract
from policyfix.rewrite import rewrite

AGENTS = Path(__file__).parents[2] / "examples" / "agents"


def mended(text: str, folder: Path) -> str:
    (folder / "a.py").write_bytes(text.encode())
    outcome = rewrite([folder], contract.load())
    return outcome.changes[0].after.decode() if outcome.changes else text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # policyfix: ignore[PF101]\ny = 2\n", "x = 1\ny = 2\n"),
        ("x = 1\t# policyfix: ignore[PF101] -- why\r\ny = 2\r\n", "x = 1\r\ny = 2\r\n"),
        ("x = 1  # noqa  # policyfix: ignore[PF101]\n", "x = 1  # noqa\n"),
        ("x = 1  # policyfix: ignore[PF101]  # noqa\n", "x = 1  # noqa\n"),
        ("x = 1  # policyfix: ignore[PF101] -- a  # policyfix: ignore[PF201] -- b\n", "x = 1\n"),
        ("x = 1\n    # policyfix: ignore[PF101]\ny = 2\n", "x = 1\ny = 2\n"),
        ("# policyfix: file-ignore[PF101]\r\n\r\nx = 1\r\n", "\r\nx = 1\r\n"),
        ("x = 1  # policyfix: ignore[PF101]", "x = 1"),
        ("x = 1\n# policyfix: ignore[PF101]", "x = 1\n"),
        ("é = 'ü'  # policyfix: ignore[PF101, missing-clip-weights]\n", "é = 'ü'\n"),
        ("x = 1  # policyfix: ignore[PF101, no-such] -- b\n", "x = 1  # policyfix: ignore[no-such] -- b\n"),
    ],
)
def test_only_the_comment_goes(before: str, after: str, tmp_path: Path) -> None:
    assert mended(before, tmp_path) == after
    assert mended(after, tmp_path) == after


def test_a_suppression_that_a_fix_makes_idle_goes_with_it(tmp_path: Path) -> None:
    agents = Path(shutil.copytree(AGENTS, tmp_path / "agents"))
    forager = agents / "forager.py"
    header = "    def encode_observations(self, observations, state=None):"
    comment = "  # policyfix: ignore[PF106] -- the statement that PF501 takes away breaks both"
    assert header in forager.read_text()
    forager.write_text(forager.read_text().replace(header, header + comment))
    outcome = rewrite([agents], contract.load())
    after = next(c.after.decode() for c in outcome.changes if c.path == str(forager))
    assert header in after
    assert "policyfix: ignore" not in after
    assert any(fixed.codes == ["PF900"] for fixed in outcome.fixed)
