"""Fixes of the memory family on the cases of their rules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from policyfix import codemod, contract, engine, rule
from policyfix.rewrite import rewrite, write

CASES = Path(__file__).parents[1] / "rules" / "memory"


@pytest.fixture(autouse=True)
def _no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most cases keep a state that could move to the runtime's store; these fixes are for those that stay."""
    others = tuple(c for c in codemod.discover() if type(c).__name__ != "KeepStateInStore")
    assert len(others) == len(codemod.discover()) - 1
    monkeypatch.setattr(codemod, "discover", lambda: others)


def mended(case: str, folder: Path) -> tuple[str, set[str]]:
    """The source after the fixes, and the codes that are left."""
    path = folder / "agent.py"
    path.write_text((CASES / case).with_suffix(".py").read_text())
    outcome = rewrite([path], contract.load())
    write(outcome.changes)
    return path.read_text(), {f.code for f in engine.check([path], contract.load()).findings}


@pytest.mark.parametrize("case", ["bad_item", "bad_int", "bad_tolist", "bad_in_a_helper"])
def test_a_stateful_forward_is_excluded_from_dynamo(case: str, tmp_path: Path) -> None:
    after, left = mended(f"dynamo_boundary/{case}", tmp_path)
    assert "\n    @torch._dynamo.disable\n    def forward(self, td" in after
    assert after.count("_dynamo") == 1
    assert "PF207" not in left


def test_a_subclass_excludes_its_own_part_and_leaves_the_base_alone(tmp_path: Path) -> None:
    after, left = mended("dynamo_boundary/bad_in_a_subclass", tmp_path)
    _, of_subclass = after.split("class Groups")
    assert "\n    @torch._dynamo.disable\n    def remember(self, td" in of_subclass
    assert after.count("_dynamo") == 1
    assert "PF207" not in left


@pytest.mark.parametrize("case", ["bad_compiled_on_purpose", "bad_exported_only"])
def test_a_forward_with_decorators_of_its_own_is_left_alone(case: str, tmp_path: Path) -> None:
    after, left = mended(f"dynamo_boundary/{case}", tmp_path)
    assert "_dynamo" not in after
    assert "PF207" in left


def test_copies_leave_the_state_behind(tmp_path: Path) -> None:
    after, left = mended("stale_checkpoint_state/bad_attribute", tmp_path)
    assert '        return {**self.__dict__, "_state": None}\n' in after
    ast.parse(after)
    assert "PF208" not in left


@pytest.mark.parametrize("case", ["bad_buffers", "bad_in_a_core_module", "bad_dicts_by_group"])
def test_a_state_whose_start_is_not_plain_is_left_alone(case: str, tmp_path: Path) -> None:
    after, left = mended(f"stale_checkpoint_state/{case}", tmp_path)
    assert "__getstate__" not in after
    assert "PF208" in left


@pytest.mark.parametrize(
    ("case", "built"),
    [
        ("bad_default", "self.lstm = nn.LSTM("),
        ("bad_gru_default", "self.gru = nn.GRU("),
        ("bad_only_linear_layers_by_apply", "self.lstm = nn.LSTM("),
    ],
)
def test_a_core_is_initialised_right_after_it_was_built(case: str, built: str, tmp_path: Path) -> None:
    after, left = initialised(case, tmp_path)
    assert "PF206" not in left
    before, loop = after.split("        for name, parameter in self.")
    assert before.rstrip("\n").splitlines()[-1].startswith("        " + built)
    assert loop.startswith(built.removeprefix("self.").partition(" ")[0] + ".named_parameters():\n")
    assert "                nn.init.constant_(parameter, 1.0)\n" in loop
    assert "                nn.init.orthogonal_(parameter, 1.0)\n" in loop


def test_a_core_whose_biases_are_set_already_is_initialised_after_that(tmp_path: Path) -> None:
    after, left = initialised("bad_only_the_biases", tmp_path)
    assert "PF206" not in left
    assert after.index(" in self.lstm.named_parameters()") < after.index("for core_name, core_parameter in ")


@pytest.mark.parametrize("case", ["bad_other_gain_and_zero_bias", "bad_xavier", "bad_zero_bias"])
def test_a_core_that_is_initialised_otherwise_is_left_alone(case: str, tmp_path: Path) -> None:
    after, left = initialised(case, tmp_path)
    assert after == (CASES / "recurrent_initialisation" / f"{case}.py").read_text()
    assert "PF206" in left


def initialised(case: str, folder: Path) -> tuple[str, set[str]]:
    path = folder / "agent.py"
    path.write_text((CASES / "recurrent_initialisation" / case).with_suffix(".py").read_text())
    rules = [r for r in rule.discover() if r.code == "PF206"]
    assert (
        rewrite([path], contract.load(), rules=rules).changes == []
    )  # another start: only where that is said
    write(rewrite([path], contract.load(), rules=rules, unsafe=True).changes)
    assert rewrite([path], contract.load(), rules=rules, unsafe=True).changes == []
    return path.read_text(), {f.code for f in engine.check([path], contract.load(), rules).findings}
