"""PF210: the net starts as it was built, the rest of the policy as it did."""

from __future__ import annotations

from pathlib import Path

import pytest
from side_by_side import Case, complaints, is_left, mended

from policyfix import contract, rule
from policyfix.rewrite import rewrite

POLICY = """\
import torch
from tensordict import TensorDict
from torch import nn


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, width), nn.ReLU())
        self.head = nn.Linear(width, width)
        self.register_buffer("scale", torch.full((1,), 3.0))
        nn.init.orthogonal_(self.layers[0].weight, 1.5)
        nn.init.orthogonal_(self.head.weight, 0.01)
        nn.init.constant_(self.head.bias, 0.5)

    def forward(self, x):
        return self.head(self.layers(x))


class Wrapper(nn.Module):
    def __init__(self, size, net, depth=1):
        super().__init__()
        self.net = net
        self.value = nn.Linear(size, 1)
        for name, parameter in self.named_parameters():
            if "bias" in name:
                nn.init.constant_(parameter, 0)
            elif "weight" in name and parameter.ndim >= 2:
                nn.init.orthogonal_(parameter, 1.0)


{between}class Agent({base}):
    def __init__(self, env, given=None):
{constructor}
        self.lstm = nn.LSTM(8, 8)

    def forward(self, td: TensorDict, state=None, action=None):
        out, _ = self.lstm(self.net(td["env_obs"].float()).unsqueeze(0))
        td["values"] = self.value(out.squeeze(0)).flatten()
        td["full_log_probs"] = out.squeeze(0).log_softmax(-1)
        return td
"""
WITH_A_NAME = """\
        net = Net() if given is None else given
        super().__init__(8, net)  # keeps it"""


def laid(folder: Path, constructor: str, base: str = "Wrapper", between: str = "") -> Path:
    path = folder / "agent.py"
    path.write_text(POLICY.format(constructor=constructor, base=base, between=between))
    return path


BETWEEN = """\
class Between(Wrapper):
    def __init__(self, x):
        super().__init__(8, net=x)


"""
FORMS: dict[str, tuple[str, ...]] = {
    "by a name": (WITH_A_NAME,),
    "made in the call": (
        "        super().__init__(\n            8,\n            Net(),  # the net\n        )",
    ),
    "by keyword": ("        super().__init__(size=8, net=Net())",),
    "a name that is taken": (
        "        initialised = 1\n        super().__init__(8, Net())\n        self.depth = initialised",
    ),
    "handed on by a base": ("        super().__init__(Net())", "Between", BETWEEN),
}


@pytest.fixture(scope="module")
def complained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cases: dict[str, Case] = {}
    for name, form in FORMS.items():
        path = laid(tmp_path_factory.mktemp("agent"), *form)
        before, after = path.read_text(), mended(path, "PF210", unsafe=True)
        kept = [
            line for line in before.splitlines() if "super().__init__(" not in line and "Net()" not in line
        ]
        lines = iter(after.splitlines())
        assert all(line in lines for line in kept), "other lines changed"
        cases[name] = ("given net" if name == "by a name" else "net"), before, after
    return complaints(cases)


@pytest.mark.parametrize("form", FORMS)
def test_the_net_starts_as_it_was_built_and_the_rest_as_it_did(form: str, complained: dict[str, str]) -> None:
    assert complained[form] == ""


def test_a_class_that_goes_past_the_mended_constructor_is_told_of(tmp_path: Path) -> None:
    path = laid(tmp_path, WITH_A_NAME)
    past = "class Other(Agent):\n    def __init__(self, env):\n        Wrapper.__init__(self, 8, Net())\n"
    path.write_text(f"{path.read_text()}\n\n{past}        self.lstm = nn.LSTM(8, 8)\n")
    rules = [r for r in rule.discover() if r.code == "PF210"]
    outcome = rewrite([path], contract.load(), rules=rules, unsafe=True)
    assert [f.symbol for fixed in outcome.fixed for f in fixed.findings] == ["Agent"]
    assert [f.symbol for f in outcome.left.findings] == ["Other"]


@pytest.mark.parametrize(
    ("constructor", "base", "between", "reason"),
    [
        (
            "        super().__init__(8, Net())\n        for weight in self.parameters():\n"
            "            if weight.ndim > 1:\n                nn.init.orthogonal_(weight, 2.0)",
            "Wrapper",
            "",
            "no base's own",
        ),
        ("        if env:\n            super().__init__(8, Net())", "Wrapper", "", "super().__init__(...)"),
        ("        super().__init__(*[8, Net()])", "Wrapper", "", "none of the arguments"),
        ("        super().__init__(len(str(env)), Net())", "Wrapper", "", "has no name"),
        (
            "        super().__init__(Net())",
            "Between",
            "class Between(Wrapper):\n    def __init__(self, body):\n        body = nn.Sequential(body)\n"
            "        super().__init__(8, body)\n\n\n",
            "none of the arguments",
        ),
    ],
)
def test_what_is_not_certain_is_left_with_a_reason(
    constructor: str, base: str, between: str, reason: str, tmp_path: Path
) -> None:
    path = laid(tmp_path, constructor, base, between)
    assert is_left(path, "PF210", reason)
