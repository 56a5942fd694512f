"""Calls that a trainer lacks: added where the policy is at hand, once, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkout import ROOT

from policyfix import contract, engine, rule
from policyfix.rewrite import rewrite, write

CASES = ROOT / "tests" / "rules" / "trainer"
FIXED = {
    "PF601": sorted((CASES / "missing_memory_reset").glob("bad_*.py")),
    "PF602": sorted((CASES / "missing_clip_call").glob("bad_*.py")),
}
# A wrapper that may not have the method, a rollout without a loop of its own, a helper without a policy.
REFUSED = {"bad_compiled_and_wrapped.py", "bad_rollout_in_a_helper.py", "bad_step_in_a_helper.py"}


@pytest.mark.parametrize(
    ("code", "case"),
    [pytest.param(code, case, id=case.stem) for code, cases in FIXED.items() for case in cases],
)
def test_the_missing_call_is_added(code: str, case: Path, tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    before = case.read_text()
    file.write_text(before)
    rules = [r for r in rule.discover() if r.code == code]  # a policy in the file may be at fault, too
    write(rewrite([file], contract.load(), rules=rules).changes)
    after = file.read_text()
    left = {f.code for f in engine.check([file], contract.load()).findings}
    if case.name in REFUSED:
        assert after == before
        assert code in left
        return
    assert code not in left
    old, new = before.splitlines(), after.splitlines()
    added = [line.strip() for line in new if line not in old or new.count(line) > old.count(line)]
    method = "reset_memory()" if code == "PF601" else "clip_weights()"
    assert added
    policies = ("policy", "self.policy", "teacher", "self.teacher")
    assert all(line in {f"{policy}.{method}" for policy in policies} for line in added)
    rest = iter(new)
    assert all(line in rest for line in old), "lines that were there stay, in their order"
    assert rewrite([file], contract.load(), rules=rules).changes == []


def test_a_rollout_starts_afresh_and_keeps_its_state_from_step_to_step(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text((CASES / "missing_memory_reset" / "bad_rollout.py").read_text())
    write(rewrite([file], contract.load()).changes)
    text = file.read_text()
    assert "        policy.reset_memory()\n        while not buffer.full:\n" in text


def test_a_factory_passes_what_the_config_says(tmp_path: Path) -> None:
    case = ROOT / "tests" / "rules" / "config" / "factory_drops_config" / "bad_method_of_a_wrapper"
    for file in case.iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    write(rewrite([tmp_path], contract.load()).changes)
    text = (tmp_path / "make.py").read_text()
    assert 'clip_range=agent_cfg.get("clip_range", 0.0),\n' in text
    assert 'analyze_weights_interval=agent_cfg.get("analyze_weights_interval", 300),\n' in text
    assert "PF403" not in {f.code for f in engine.check([tmp_path], contract.load()).findings}
