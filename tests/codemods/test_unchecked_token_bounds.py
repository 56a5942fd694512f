"""PF502: tokens outside the box are ignored as padding is, and those inside are placed as they were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from side_by_side import Case, complaints, is_left, laid, mended

CASES = Path(__file__).parents[1] / "rules" / "network" / "unchecked_token_bounds"
POLICY = """\
import torch
from tensordict import TensorDict
from torch import nn


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.width, self.height = env.obs_width, env.obs_height
        self.layers = max(env.feature_normalizations) + 1
        self.embed = nn.LazyLinear(8)
        self.critic = nn.Linear(8, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        tokens = td["env_obs"]
        area = self.width * self.height
        coords, kind, values = tokens[..., 0], tokens[..., 1].long(), tokens[..., 2].float()
        x, y = (coords >> 4).long(), (coords & 0x0F).long()
        rows = torch.arange(tokens.shape[0]).unsqueeze(-1).expand(tokens.shape[:2])
{body}
        out = self.embed(box.flatten(1)).relu()
        td["values"] = self.critic(out).flatten()
        td["full_log_probs"] = out.log_softmax(-1)
        return td
"""
FLAT = """\
box = torch.zeros(tokens.shape[0], self.layers * area)
flat = kind * area + x * self.height + y
valid = (coords != 255) & (kind < self.layers)"""
GATED = ("box.scatter_(1, torch.where(valid, flat, 0), torch.where(valid, values, 0))",)


BOTH = "valid = valid & (x < self.width) & (y < self.height)"
RULE_CASES = {
    "attributes_checked_only": BOTH,
    "box_too_small_for_attributes": "valid = valid & (kind < 24)",
    "columns_forgotten": "valid = valid & (y < self.height)",
    "division_instead_of_shift": BOTH,
    "scattered_unchecked": f"{BOTH} & (kind < self.layers)",
}
FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "flat": (BOTH, (FLAT, *GATED)),
    "the mask is read before": (
        BOTH,
        (FLAT, "seen = valid.sum()", "# nothing beside the box", *GATED, "td['seen'] = seen.expand(2)"),
    ),
    "filled and multiplied": (
        BOTH,
        (
            FLAT,
            "index = flat.masked_fill(~valid, 0)",
            "given = valid * values",
            "box.scatter_(-1, index, given)",
        ),
    ),
    "sizes by numbers": (
        "valid = valid & (x < 11) & (y < 9)",
        (
            "box = torch.zeros(tokens.shape[0], 30 * 11 * 9)",
            "flat = (kind * 11 + x) * 9 + y",
            "valid = (coords != 255) & (kind < 30)",
            *GATED,
        ),
    ),
    "picked first, then written": (
        BOTH,
        (
            "box = torch.zeros(tokens.shape[0], self.layers, self.width, self.height)",
            "valid = (coords != 255) & (kind < self.layers)",
            "at = rows[valid], kind[valid], x[valid], y[valid]",
            "box[at[0], at[1], at[2], at[3]] = values[valid]",
        ),
    ),
}


@pytest.fixture(scope="module")
def complained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cases: dict[str, Case] = {}
    for name in (*RULE_CASES, *FORMS):
        folder = tmp_path_factory.mktemp("policy")
        if name in FORMS:
            new, body = FORMS[name]
            path = laid(folder, POLICY, *body)
        else:
            new, path = RULE_CASES[name], folder / "case.py"
            path.write_text(re.sub(r"  # expect: PF\d+", "", (CASES / f"bad_{name}.py").read_text()))
        before, after = path.read_text(), mended(path, "PF502")
        assert after.replace(f"        {new}\n", "", 1) == before
        cases[name] = ("layered box" if "24" in new else "box"), before, after
    return complaints(cases)


@pytest.mark.parametrize("form", [*RULE_CASES, *FORMS])
def test_tokens_inside_stay_where_they_were_and_others_are_ignored(
    form: str, complained: dict[str, str]
) -> None:
    assert complained[form] == ""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ((FLAT, *GATED, "td['seen'] = valid.sum(-1)"), "serves something else"),
        ((FLAT, "first = torch.where(valid, flat, 0)", "valid = valid & (values > 0)",
          "box.scatter_(1, first, torch.where(valid, values, 0))"), "no mask"),
        ((FLAT, "box.scatter_(1, torch.where(valid, flat, 0), values)"), "no mask"),
        ((FLAT, "box.scatter_(1, torch.where(valid, flat, 1), torch.where(valid, values, 0))"), "no mask"),
        ((FLAT, "box.scatter_(1, flat * (coords != 255), values * (coords != 255))"), "no mask"),
        ((FLAT, "box = box.scatter(1, torch.where(valid, flat, 0), valid * values)"), "new box"),
        ((FLAT, "for _ in range(2):", "    " + GATED[0]), "in a loop"),
        ((FLAT, "x = x + 1", *GATED), "rows"),
        ((FLAT, "valid &= values > 0", *GATED, "valid &= values > 1", "td['n'] = valid.sum(-1)"), "serves"),
        ((FLAT.replace("x * self.height", "(coords >> 4).long() * self.height"), *GATED, "x = None"), "rows"),
        ((FLAT.replace("kind * area", "kind * 100"), *GATED), "rows"),
        ((FLAT.replace("+ y", "+ y * 2"), *GATED), "rows"),
        ((FLAT.replace("self.layers * area)", "self.layers * area).t().contiguous().t()"), *GATED), "rows"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_left_with_a_reason(
    body: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    path = laid(tmp_path, POLICY, *body)
    assert is_left(path, "PF502", reason)


FALLING_BACK = """\
self.width = env.obs_width if env.obs_width else 11
        self.height = env.obs_height if env.obs_height else {}
"""


def test_a_size_that_differs_from_path_to_path_is_told_by_its_one_attribute(tmp_path: Path) -> None:
    path = laid(tmp_path, POLICY, FLAT, *GATED)
    source = path.read_text()
    line = "self.width, self.height = env.obs_width, env.obs_height\n"
    assert line in source
    path.write_text(source.replace(line, FALLING_BACK.format(9)))
    assert f"        {BOTH}\n" in mended(path, "PF502")
    alike = FALLING_BACK.format(11).replace("obs_height", "obs_width")
    path.write_text(source.replace(line, alike))
    assert is_left(path, "PF502", "has no name there")


def test_a_long_line_becomes_two(tmp_path: Path) -> None:
    names = {
        "self.width": "self.observation_width_in_cells_of_the_grid",
        "self.height": "self.observation_height_in_cells_of_the_grid",
    }
    path = laid(tmp_path, POLICY, FLAT, *GATED)
    source = path.read_text()
    for name, longer in names.items():
        source = source.replace(name, longer)
    path.write_bytes(source.replace("\n", "\r\n").encode())
    mended(path, "PF502")
    after = path.read_bytes()
    assert b"        valid = valid & (x < self.observation_width_in_cells_of_the_grid)\r\n" in after
    assert b"        valid = valid & (y < self.observation_height_in_cells_of_the_grid)\r\n" in after
    assert b"\n" not in after.replace(b"\r\n", b"")
