"""PF106's clone: made where the write happens, unless another name would then miss the write."""

from pathlib import Path

import pytest

from policyfix import contract, engine

POLICY = """\
from tensordict import TensorDict
from torch import nn


class Glimpse(nn.Module):
    def __init__(self, env):
        super().__init__()
        self.net = nn.Linear(600, 1)

    def forward(self, td: TensorDict):
        raw = td["env_obs"]
        tokens = raw.view(raw.shape[0], -1)
{body}
        return td
"""


def finding(tmp_path: Path, *body: str) -> engine.Finding:
    path = tmp_path / "glimpse.py"
    path.write_text(POLICY.format(body="\n".join("        " + line for line in body)))
    (found,) = [f for f in engine.check([path], contract.load()).findings if f.code == "PF106"]
    return found


@pytest.mark.parametrize(
    "body",
    [
        ("tokens[tokens == 7] = 0", 'td["values"] = self.net(tokens.float())'),
        ("tokens[tokens == 7] = 0", "part = tokens[:, :3]", 'td["values"] = self.net(part.float())'),
        ("rows = raw.shape[0]", "tokens.clamp_(0, 9)", 'td["values"] = self.net(tokens.float()).view(rows)'),
    ],
)
def test_a_clone_is_offered_where_all_that_follows_reads_the_clone(
    tmp_path: Path, body: tuple[str, ...]
) -> None:
    fix = finding(tmp_path, *body).fix
    assert fix is not None
    assert fix.title == "clone tokens before writing to it"


@pytest.mark.parametrize(
    "body",
    [
        ("tokens[tokens == 7] = 0", 'td["values"] = self.net(raw.float())'),
        ("part = tokens[:, :3]", "tokens.clamp_(0, 9)", 'td["values"] = self.net(part.float())'),
        (
            "for i in range(2):",
            "    tokens[:, i] = 0",
            "    last = tokens[:, :3]",
            'td["values"] = self.net(last.float())',
        ),
    ],
)
def test_none_is_offered_where_another_name_is_read_afterwards(tmp_path: Path, body: tuple[str, ...]) -> None:
    found = finding(tmp_path, *body)
    assert found.fix is None
    assert found.unfixed is not None
    assert "is another name for the same tensor" in found.unfixed
