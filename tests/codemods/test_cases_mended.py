"""Fixes of single findings, over the cases of their rules: what becomes of the source, and what is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policyfix import contract, rule
from policyfix.engine import check
from policyfix.rewrite import rewrite, write

CASES = Path(__file__).parents[1] / "rules"
RULES = {r.__module__.removeprefix("policyfix.rules."): r for r in rule.discover()}

# (rule, case, what the fixed source holds, whether the fix is an unsafe one)
MENDED = [
    ("weights.ineffective_clip_weights", "bad_empty", "        clip_weights(self, self.clip_range)\n", False),
    (
        "weights.ineffective_clip_weights",
        "bad_only_a_docstring",
        '±clip_range."""\n        clip_weights(self, self.clip_range)\n',
        False,
    ),
    (
        "weights.tracked_clip",
        "bad_in_place_without_no_grad",
        "    @torch.no_grad()\n    def clip_weights(self):\n",
        False,
    ),
    (
        "weights.tracked_clip",
        "bad_new_parameters",
        "module.weight.data = module.weight.clamp(-self.clip_range, self.clip_range)",
        False,
    ),
    ("weights.tracked_clip", "bad_new_parameter_of_its_own", "        self.scale.data = bounded", False),
    ("weights.gradient_free_l2_init", "bad_data", "((weight - self.initial[name]) ** 2)", True),
    ("weights.gradient_free_l2_init", "bad_detached", "sum((weight - self.initial[name]).pow(2)", True),
    ("memory.attached_state", "bad_gru", "        self._state = self._state.detach()\n", False),
    (
        "memory.attached_state",
        "bad_pair_of_a_cell",
        "        self._state = tuple(s.detach() for s in self._state)\n",
        False,
    ),
    ("performance.deviceless_tensor", "bad_zeros", "torch.zeros(rows.shape[0], 600, device=", False),
    (
        "performance.deviceless_tensor",
        "bad_in_a_helper",
        "dtype=rows.dtype, device=next(self.parameters()).device)",
        False,
    ),
    (
        "performance.unregistered_tensor",
        "bad_scale",
        'self.register_buffer("scale", torch.full((600,), 255.0), persistent=False)',
        False,
    ),
    (
        "performance.unregistered_tensor",
        "bad_in_a_net",
        'self.register_buffer("mean", torch.zeros(600), persistent=False)',
        False,
    ),
    (
        "network.integer_division_lost",
        "bad_written_back_into_the_tokens",
        "        tokens = tokens.float()\n        tokens[..., 2] = tokens[..., 2] / 255\n",
        True,
    ),
    (
        "network.integer_division_lost",
        "bad_in_a_helper",
        "    tokens = tokens.float()\n    tokens[:, :, 2] = tokens[:, :, 2].float() / 255\n",
        True,
    ),
    (
        "config.unforwarded_config",
        "bad_clip_range_dropped",
        "super().__init__(env, clip_range=clip_range)",
        False,
    ),
    (
        "config.unforwarded_config",
        "bad_lost_among_keywords",
        'clip_range=kwargs.pop("clip_range", 0.0)',
        False,
    ),
]
REFUSED = [
    ("weights.ineffective_clip_weights", "bad_fixed_range", "does something of its own"),
    ("weights.ineffective_clip_weights", "bad_range_is_a_literal_zero", "must keep clip_range"),
    ("weights.tracked_clip", "bad_set_by_name", "by hand"),
    ("weights.gradient_free_l2_init", "bad_item", "no weight is detached in a difference"),
    ("weights.gradient_free_l2_init", "bad_method_without_grad", "by hand"),
    ("weights.gradient_free_l2_init", "bad_data_as_a_number", "as a number of Python"),
    ("performance.unregistered_tensor", "bad_one_of_a_list", "not one tensor in one assignment"),
    ("performance.unregistered_tensor", "bad_set_up_in_a_helper", "not set in a constructor"),
    ("network.integer_division_lost", "bad_masked_write", "shares its storage"),
    ("config.unforwarded_config", "bad_constant_passed_instead", "passes something else as clip_range"),
]


def copied(module: str, case: str, folder: Path) -> Path:
    source = CASES.joinpath(*module.split("."), case)
    files = (
        [source.with_suffix(".py")] if source.with_suffix(".py").is_file() else sorted(source.glob("*.py"))
    )
    for file in files:
        (folder / file.name).write_text(re.sub(r"  # expect: PF\d+", "", file.read_text()))
    return folder


@pytest.mark.parametrize(("module", "case", "expected", "unsafe"), MENDED, ids=lambda v: str(v)[:40])
def test_a_case_is_mended(module: str, case: str, expected: str, unsafe: bool, tmp_path: Path) -> None:
    copied(module, case, tmp_path)
    code = RULES[module].code
    safe = rewrite([tmp_path], contract.load(), rules=[RULES[module]])
    assert bool(safe.fixed) != unsafe
    outcome = rewrite([tmp_path], contract.load(), rules=[RULES[module]], unsafe=unsafe)
    assert any(expected in change.after.decode() for change in outcome.changes)
    write(outcome.changes)
    assert code not in {f.code for f in check([tmp_path], contract.load()).findings}
    assert rewrite([tmp_path], contract.load(), rules=[RULES[module]], unsafe=unsafe).changes == []


@pytest.mark.parametrize(("module", "case", "reason"), REFUSED, ids=lambda v: str(v)[:40])
def test_a_case_is_left_alone_with_a_reason(module: str, case: str, reason: str, tmp_path: Path) -> None:
    copied(module, case, tmp_path)
    result = check([tmp_path], contract.load(), rules=[RULES[module]])
    assert [reason in (finding.unfixed or "") for finding in result.findings] == [True] * len(result.findings)
    assert result.findings
    assert rewrite([tmp_path], contract.load(), rules=[RULES[module]], unsafe=True).changes == []


@pytest.mark.parametrize(
    ("module", "case"),
    [(module, case) for module, case, _, _ in MENDED] + [(module, case) for module, case, _ in REFUSED],
)
def test_a_fix_does_not_depend_on_how_the_file_is_named(
    module: str, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(module, case, tmp_path)
    monkeypatch.chdir(tmp_path)
    rules = [RULES[module]]
    relative, absolute = (check([path], contract.load(), rules=rules) for path in (Path(), tmp_path))
    offered = [[(f.line, f.fix, f.unfixed) for f in result.findings] for result in (relative, absolute)]
    assert offered[0] == offered[1]


def test_integers_that_are_positions_later_stay_integers(tmp_path: Path) -> None:
    copied("network.integer_division_lost", "bad_floats_into_a_long_tensor", tmp_path)
    path = tmp_path / "bad_floats_into_a_long_tensor.py"
    source = path.read_text()
    line = "        out = self.embed("
    assert line in source
    path.write_text(source.replace(line, "        rows = self.embed.weight[:, tokens[..., 0]]\n" + line))
    rules = [RULES["network.integer_division_lost"]]
    assert rewrite([tmp_path], contract.load(), rules=rules, unsafe=True).changes == []
    found = check([tmp_path], contract.load(), rules=rules).findings
    assert ["its entries are positions later" in (f.unfixed or "") for f in found] == [True]
