"""Fixes of the network family: what they make of the cases of their rules, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyfix import contract, engine, rule
from policyfix.rewrite import rewrite

CASES = Path(__file__).parents[1] / "rules" / "network"


def rewritten(case: str, code: str, folder: Path) -> tuple[list[str], list[str]]:
    """The lines that go and the lines that come. The finding is gone afterwards, and so is the fix."""
    path = folder / "case.py"
    path.write_text((CASES / case).read_text())
    rules = [r for r in rule.discover() if r.code == code]
    before = path.read_text().splitlines()
    for change in rewrite([path], contract.load(), True, rules).changes:
        path.write_bytes(change.after)
    after = path.read_text().splitlines()
    assert engine.check([path], contract.load(), rules).findings == []
    return [s.strip() for s in before if s not in after], [s.strip() for s in after if s not in before]


def unfixed(source: str, code: str, folder: Path) -> str:
    """Why a finding has no fix."""
    path = folder / "case.py"
    path.write_text(source)
    (finding,) = [f for f in engine.check([path], contract.load()).findings if f.code == code]
    assert finding.fix is None
    assert finding.unfixed is not None
    return finding.unfixed


@pytest.mark.parametrize(
    ("case", "line"),
    [
        ("bad_one_after_the_other.py", "x = torch.relu(self.fc1(x))  # expect: PF506"),
        ("bad_low_rank_with_a_bias.py", "x = self.up(torch.relu(self.down(x)))  # expect: PF506"),
        ("bad_in_a_sequential.py", "nn.Linear(obs_size, 32), nn.ReLU(),  # expect: PF506"),
        ("bad_in_a_nested_net.py", "x = torch.relu(self.first(x))  # expect: PF506"),
    ],
)
def test_a_relu_comes_after_the_first_of_two_layers(case: str, line: str, tmp_path: Path) -> None:
    gone, new = rewritten(f"adjacent_affine_layers/{case}", "PF506", tmp_path)
    assert new == [line]
    assert len(gone) == 1


def test_layers_that_are_kept_in_a_list_get_no_relu(tmp_path: Path) -> None:
    source = (CASES / "adjacent_affine_layers" / "bad_over_a_list_of_layers.py").read_text()
    assert "not written in one Sequential" in unfixed(source, "PF506", tmp_path)


def test_embeddings_that_nothing_initialises_are_scaled(tmp_path: Path) -> None:
    gone, new = rewritten("action_embedding_initialisation/bad_left_as_torch_makes_it.py", "PF505", tmp_path)
    assert gone == []
    assert new == [
        "torch.nn.init.orthogonal_(self.rows.weight)",
        "with torch.no_grad():",
        "self.rows.weight.mul_(0.1 / self.rows.weight.abs().max())",
    ]


def test_embeddings_that_are_drawn_elsewhere_are_scaled_by_hand(tmp_path: Path) -> None:
    source = (CASES / "action_embedding_initialisation" / "bad_normal.py").read_text()
    assert "scale them there" in unfixed(source, "PF505", tmp_path)


def test_the_padding_row_is_zeroed_after_it_was_drawn(tmp_path: Path) -> None:
    gone, new = rewritten("random_padding_row/bad_truncated_normal.py", "PF513", tmp_path)
    assert gone == []
    assert new == ["with torch.no_grad():", "self.kinds.weight[self.kinds.padding_idx].zero_()"]


def test_a_weight_drawn_through_data_is_zeroed_by_hand(tmp_path: Path) -> None:
    source = (CASES / "random_padding_row" / "bad_through_data.py").read_text()
    assert "not drawn by its name" in unfixed(source, "PF513", tmp_path)


@pytest.mark.parametrize("case", ["bad_masked_fill_by_name.py", "bad_torch_where.py"])
def test_a_statement_that_only_overwrites_padding_goes(case: str, tmp_path: Path) -> None:
    gone, new = rewritten(f"overwritten_sentinel/{case}", "PF501", tmp_path)
    assert len(gone) == 1
    assert "PF501" in gone[0]
    assert new == []


def test_a_statement_that_makes_another_tensor_stays(tmp_path: Path) -> None:
    source = (CASES / "overwritten_sentinel" / "bad_masked_fill_by_name.py").read_text()
    source = source.replace("tokens = tokens.masked_fill", "clean = tokens.masked_fill")
    source = source.replace("coords = tokens[", "coords = clean[")
    assert "used later" in unfixed(source, "PF501", tmp_path)


def test_where_no_fix_exists_the_page_says_why(tmp_path: Path) -> None:
    source = (CASES / "batch_dependent_normalisation" / "bad_branch_on_the_maximum.py").read_text()
    assert unfixed(source, "PF507", tmp_path) == "which scale is meant is not written in the source"
