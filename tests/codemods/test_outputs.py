"""The fixes of what a forward puts into the TensorDict, on the defects of the rules' own cases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from policyfix import contract, engine
from policyfix.rewrite import rewrite
from policyfix.rule import discover

CASES = Path(__file__).parents[1] / "rules" / "tensordict"
RULES = {r.__module__.rpartition(".")[2]: r for r in discover()}
CONVERTED = ("_index(", "_convert_action_to_logit_index(")

# (rule's folder, case): the lines that the fix takes out, and those that it puts in.
PAIRS = {
    ("misplaced_stamps", "bad_before_the_reshape"): (
        [
            'td["bptt"] = torch.full((rows * steps,), steps, dtype=torch.int64)  # expect: PF102',
            'td["batch"] = torch.full((rows * steps,), rows, dtype=torch.int64)',
        ],
        [
            'td["bptt"] = torch.full(td.batch_size, steps, dtype=torch.int64)  # expect: PF102',
            'td["batch"] = torch.full(td.batch_size, rows, dtype=torch.int64)',
        ],
    ),
    ("misplaced_stamps", "bad_named_size"): (  # of which nothing is left that nobody reads
        [
            "total = rows * steps",
            'td["bptt"] = torch.full((total,), steps, dtype=torch.int64)  # expect: PF102',
            'td["batch"] = torch.full((total,), rows, dtype=torch.int64)',
        ],
        [
            'td["bptt"] = torch.full(td.batch_size, steps, dtype=torch.int64)  # expect: PF102',
            'td["batch"] = torch.full(td.batch_size, rows, dtype=torch.int64)',
        ],
    ),
    ("missing_training_reshape", "bad_never_brought_back"): (
        ["return td  # expect: PF103"],
        ["batch_size = td.batch_size", "return td.reshape(batch_size)  # expect: PF103"],
    ),
    ("missing_training_reshape", "bad_rows_and_steps_exchanged"): (
        ["td = td.reshape(steps, rows)  # expect: PF103"],
        ["batch_size = td.batch_size", "td = td.reshape(batch_size)  # expect: PF103"],
    ),
    ("missing_output_key", "bad_no_entropy"): (
        [],
        ['td["entropy"] = -(log_probs.exp() * log_probs).sum(dim=-1)'],
    ),
    ("missing_output_key", "bad_no_full_log_probs_in_training"): ([], ['td["full_log_probs"] = log_probs']),
    ("swapped_output_key", "bad_value_in_a_rollout"): (
        ['td["value"] = value.flatten()  # expect: PF105'],
        ['td["values"] = value.flatten()  # expect: PF105'],
    ),
    ("swapped_output_key", "bad_by_set"): (
        ['td.set("values", value)  # expect: PF105'],
        ['td.set("value", value)  # expect: PF105'],
    ),
    ("swapped_output_key", "bad_one_name_for_both_modes"): (
        ['td["values"] = self.critic(out).flatten()  # expect: PF105'],
        [
            'td["values" if action is None else "value"] = self.critic(out).flatten()  # expect: PF105',
        ],
    ),
    ("constant_actions", "bad_zeros_of_the_right_shape"): (
        ['td["actions"] = torch.zeros(index.shape, dtype=torch.int32)  # expect: PF108'],
        ['td["actions"] = self._convert_logit_index_to_action(index.reshape(-1)).int()  # expect: PF108'],
    ),
    ("ignored_actions", "bad_mean_over_the_actions"): (
        ['td["act_log_prob"] = log_probs.mean(dim=-1)  # expect: PF107'],
        [
            'td["act_log_prob"] = log_probs.gather(-1, self._convert_action_to_logit_index'
            "(action.reshape(-1, action.shape[-1])).long().unsqueeze(-1)).squeeze(-1)  # expect: PF107",
        ],
    ),
}
CONVERTERS = """
    def _convert_logit_index_to_action(self, index):
        return self.action_index_tensor[index]
"""


def laid_out(family: str, case: str, folder: Path) -> Path:
    """A copy of a case, with the converters that a contract policy has."""
    source = CASES / family / case
    if source.is_dir():
        shutil.copytree(source, folder / case)
    else:
        folder.joinpath(f"{case}.py").write_text(source.with_suffix(".py").read_text())
    for path in folder.rglob("*.py"):
        text = path.read_text()
        if "_index(" in text:
            path.write_text(text.replace(*CONVERTED) + CONVERTERS)
    return folder


@pytest.mark.parametrize(("rule", "case"), PAIRS)
def test_before_and_after(rule: str, case: str, tmp_path: Path) -> None:
    folder = laid_out(rule, case, tmp_path)
    (path,) = folder.glob("*.py")
    before = path.read_text().splitlines()
    (change,) = rewrite([folder], contract.load(), rules=[RULES[rule]]).changes
    after = change.after.decode().splitlines()
    removed, added = PAIRS[(rule, case)]
    assert [line.strip() for line in before if line not in after] == removed
    assert len(after) == len(before) + len(added) - len(removed)
    new = [line.strip() for line in after if line not in before or line.strip() in added]
    assert set(added) <= set(new)
    assert set(new) - set(added) <= {line.strip() for line in before}


@pytest.mark.parametrize(
    ("rule", "case"),
    sorted({(r, p.stem) for r in {rule for rule, _ in PAIRS} for p in (CASES / r).glob("bad_*")}),
)
def test_what_is_fixed_stays_fixed_and_brings_nothing_new(rule: str, case: str, tmp_path: Path) -> None:
    folder, rules = laid_out(rule, case, tmp_path), [RULES[rule]]
    before = engine.check([folder], contract.load()).findings
    assert all(f.unfixed for f in before if not f.fix), "a refusal says why"
    offered = {(f.code, f.subject) for f in before if f.fix and f.code == RULES[rule].code}
    for change in rewrite([folder], contract.load(), rules=rules).changes:
        Path(change.path).write_bytes(change.after)
    left = engine.check([folder], contract.load()).findings
    assert not {(f.code, f.subject) for f in left} & offered
    assert {f.code for f in left} <= {f.code for f in before}
    assert rewrite([folder], contract.load(), rules=rules).changes == []


def test_an_output_that_does_not_fit_the_batch_keeps_its_name(tmp_path: Path) -> None:
    """Renamed it would be another defect, and with one of those nothing is written at all."""
    case = CASES.parent / "memory" / "dynamo_boundary" / "bad_item.py"
    shutil.copy(case, tmp_path / "agent.py")
    outcome = rewrite([tmp_path], contract.load())
    (kept,) = (f for f in outcome.left.findings if f.code == "PF105")
    assert kept.unfixed == "in training its size is not that of the batch: give it [B, T] first"
    assert outcome.changes
