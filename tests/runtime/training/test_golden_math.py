"""Advantages, sampling, losses and gradients against the reference's recorded numbers."""

from pathlib import Path

import pytest

from policyfix.runtime import golden
from policyfix.runtime.golden import trainer

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "tests/data/golden/trainer_math", ROOT.parent / "shared/golden/trainer_math"]


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder.is_dir()])
def test_trainer_math_is_that_of_the_reference(folder: Path) -> None:
    deviations = golden.replay_folder(folder)
    assert len(deviations) == 18
    assert not any(deviation.is_over for deviation in deviations), deviations


def test_another_discount_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = trainer.advantages
    monkeypatch.setattr(
        trainer, "advantages", lambda *args, **kwargs: exact(*args, **{**kwargs, "gamma": 0.978})
    )
    over = {deviation.tensor for deviation in golden.replay_folder(FOLDERS[0]) if deviation.is_over}
    assert {"out.advantages", "out.loss", "grad.new_act_log_prob"} <= over
