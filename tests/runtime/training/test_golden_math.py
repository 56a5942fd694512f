"""Advantages, sampling, losses and gradients against the reference's recorded numbers."""

from pathlib import Path

import pytest

from policyfix.runtime import golden
from policyfix.runtime.training import loss

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "tests/data/golden/trainer_math", ROOT.parent / "shared/golden/trainer_math"]


@pytest.mark.parametrize(
    "folder", [folder for folder in FOLDERS if folder.is_dir()], ids=lambda folder: folder.parts[-3]
)
def test_trainer_math_is_that_of_the_reference(folder: Path) -> None:
    deviations = golden.replay_folder(folder)
    assert len(deviations) == 18
    assert not [one for one in deviations if one.is_over]


def test_a_mistake_in_the_loss_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "normalise", lambda advantages: loss.normalise(advantages) * 1.001)
    over = {one.tensor for one in golden.replay_folder(FOLDERS[0]) if one.is_over}
    assert {"out.pg_loss", "grad.new_act_log_prob"} <= over
    assert "out.v_loss" not in over
