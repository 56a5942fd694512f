"""PF701: a number that the host knows is not fetched, and what the policy computes stays the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from side_by_side import Case, complaints, is_left, laid, mended

from policyfix import contract, engine

POLICY = """\
import torch
from tensordict import TensorDict
from torch import nn


class Forager(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.embed = nn.Linear(12, 8)
        self.critic = nn.Linear(8, 1)

    def _stamp(self, td, seen):
        rows, steps = seen.shape[0], seen.shape[1] if seen.dim() == 4 else 1
        if seen.dim() == 4:
            td["batch"] = torch.full((rows * seen.shape[1],), rows, device=seen.device, dtype=torch.long)
            td.set("bptt", torch.full((rows * seen.shape[1],), seen.shape[1], device=seen.device))
        else:
            td["batch"] = torch.full((seen.shape[0],), seen.shape[0], device=seen.device, dtype=torch.long)
            td.set("bptt", torch.full((seen.shape[0],), 1, device=seen.device))

    def forward(self, td: TensorDict, state=None, action=None):
        seen = td["env_obs"]
{body}
        return td

    def _finish(self, td):
        return td.reshape(td["batch"][0].item(), td["bptt"][0].item())
"""
TOLD = """\
if seen.dim() == 4:
    B = seen.shape[0]
    TT = seen.shape[1]
    td = td.reshape(B * TT)
else:
    B = seen.shape[0]
    TT = 1"""
STAMPED = "self._stamp(td, seen)"
COMPUTED = """\
hidden = self.embed(td["env_obs"].float().flatten(1)).relu()
td["values"] = self.critic(hidden).flatten()
td["full_log_probs"] = hidden.log_softmax(-1)"""
RESHAPED = """\
if action is not None:
    batch = td["batch"][0].item()  # rows
    steps = int(td["bptt"].reshape(-1)[0])
    td = td.reshape(batch, steps)"""


FORMS: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "stamped in a helper": (("B", "TT"), (TOLD, STAMPED)),
    "stamped here, in one way for both modes": (
        ("rows", "length"),
        (
            "rows = seen.shape[0]",
            "length = seen.size(1) if action is not None else 1",
            "td = td.flatten() if action is not None else td",
            "td['batch'] = torch.full((rows * length,), rows)",
            "td['bptt'] = torch.full((rows * length,), length, dtype=torch.int64)",
        ),
    ),
}


@pytest.fixture(scope="module")
def complained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cases: dict[str, Case] = {}
    for name, ((batch, steps), body) in FORMS.items():
        path = laid(tmp_path_factory.mktemp("policy"), POLICY, *body, COMPUTED, RESHAPED)
        before, after = path.read_text(), mended(path, "PF701")
        expected = before.replace('td["batch"][0].item()  #', f"{batch}  #")
        assert after == expected.replace('int(td["bptt"].reshape(-1)[0])', steps)
        cases[name] = "numbers", before, after
    return complaints(cases)


def test_the_fix_is_offered_whatever_else_is_asked_about(tmp_path: Path) -> None:
    path = laid(tmp_path, POLICY, TOLD, STAMPED, COMPUTED, RESHAPED)
    found = engine.check([path], contract.load()).findings
    assert [f.fix is not None for f in found if f.code == "PF701"][:2] == [True, True]


@pytest.mark.parametrize("form", FORMS)
def test_a_number_with_a_name_is_not_fetched_and_nothing_else_changes(
    form: str, complained: dict[str, str]
) -> None:
    assert complained[form] == ""


BATCH = 'if action is not None:\n    td = td.reshape(td["batch"][0].item(), -1)'
STEPS = 'if action is not None:\n    td = td.reshape(-1, td["bptt"][0].item())'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ((TOLD, STAMPED, "TT = TT + 1", STEPS), "no name"),
        ((TOLD, STAMPED, "if seen.dim() == 4:\n    TT = 7", STEPS), "no name"),
        ((TOLD, STAMPED, "seen = seen[:2]", "B = seen.shape[0]", BATCH), "no name"),
        ((TOLD.replace("dim() == 4", "shape[-1] == 3"), STAMPED, STEPS), "no name"),
        ((TOLD.replace("TT = seen.shape[1]", "TT = 2"), STAMPED, STEPS), "no name"),
        ((TOLD, STAMPED, "if action is not None:\n    td = self._finish(td)"), "no name"),
        ((TOLD, BATCH), "only the device knows"),
        ((TOLD, STAMPED, 'td["batch"].mul_(2)', BATCH), "in place"),
        ((TOLD, STAMPED, 'td["batch"] = td["batch"] * 2', BATCH), "not certain"),
        ((TOLD, "if seen.shape[-1] == 3:\n    " + STAMPED, BATCH), "not certain"),
        ((TOLD, 'td["batch"] = torch.full((B * TT,), B, dtype=torch.float32)', BATCH), "not certain"),
        ((TOLD, 'td["batch"] = torch.full((B * TT,), B + 1)', BATCH), "not certain"),
        ((TOLD, STAMPED, 'high = int(td["env_obs"].max())'), "computed on the device"),
        (("if action is not None:\n    B = seen.shape[0]", STAMPED, 'B2 = td["batch"][0].item()'), "no name"),
    ],
)
def test_what_is_not_certain_is_left_with_a_reason(
    body: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    path = laid(tmp_path, POLICY, *body, COMPUTED)
    assert is_left(path, "PF701", reason)
