"""Sizes that are followed from what the trainer calls forward with: td is [B, T], action [B, T, ...]."""

import textwrap

import pytest
from one_file import built

from policyfix.flow.run import Run
from policyfix.shapes import ROWS, STEPS, Shape, Shapes, Size
from policyfix.values import Const

HEAD = "import math\nimport einops\nimport torch\nimport torch.nn as nn\nfrom tensordict import TensorDict\n"


def run(body: str) -> Run:
    """The run of a forward; what it returns is `trace.returned`."""
    source = (
        HEAD
        + "class P(nn.Module):\n"
        + "    def __init__(self):\n"
        + "        super().__init__()\n"
        + "        self.lstm = nn.LSTM(4, 4)\n"
        + "        self.cell = nn.GRUCell(4, 4)\n"
        + "        self.linear = nn.Linear(4, 4)\n"
        + "        self.norm = nn.LayerNorm(4)\n"
        + "        self.query = nn.Parameter(torch.zeros(1, 1, 4))\n"
        + "        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)\n"
        + "    def forward(self, td, action):\n"
        + textwrap.indent("B, T = td.batch_size\nflat = td.reshape(B * T)\n" + body, "        ")
    )
    symbolic, thing, found = built(source)
    roots = {"td": Shape((ROWS, STEPS)), "action": Shape((ROWS, STEPS), open=True)}
    symbolic.shapes = Shapes(roots, {"tokens": (None, Size((), 3))})
    symbolic.call(thing, *found, {"td": symbolic.term("td"), "action": symbolic.term("action")})
    return symbolic


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("td", "[B, T]"),
        ("td.reshape(-1)", "[B*T]"),
        ("td.flatten()", "[B*T]"),
        ("td.view(td.numel())", "[B*T]"),
        ("td.reshape(td.batch_size.numel())", "[B*T]"),
        ("td.reshape(math.prod(td.shape))", "[B*T]"),
        ("flat.reshape(B, T)", "[B, T]"),
        ("flat.reshape(B, -1)", "[B, T]"),
        ("flat.reshape(-1, T)", "[B, T]"),
        ("flat.reshape(td.batch_size)", "[B, T]"),
        ("flat.reshape(*td.batch_size)", "[B, T]"),
        ("flat.unflatten(0, (T, B))", "[T, B]"),
        ("flat.clone().to('cpu').select('a')", "[B*T]"),
        ("TensorDict({}, batch_size=[B, T])", "[B, T]"),
        ("td['env_obs']", "[B, T, ...]"),
        ("flat['env_obs']", "[B*T, ...]"),
        ("td['tokens']", "[B, T, ?, 3]"),
        ("flat['tokens'].flatten(1)", "[B*T, ?]"),
        ("(flat['tokens'] >> 4).float().sin()", "[B*T, ?, 3]"),
        ("torch.div(flat['tokens'], 16, rounding_mode='floor')", "[B*T, ?, 3]"),
        ("torch.stack((flat['tokens'], flat['tokens']))", "[2, B*T, ?, 3]"),
        ("torch.cat([flat['tokens'], flat['tokens'][..., :1]], -1)", "[B*T, ?, ?]"),
        ("torch.cat([flat['tokens'], flat['tokens']], dim=2)", "[B*T, ?, 6]"),
        ("torch.cat([flat['tokens'], flat['tokens']])", "[?, ?, 3]"),
        ("torch.stack([flat['tokens'] >> 4, flat['tokens'].remainder(16)], dim=-1)", "[B*T, ?, 3, 2]"),
        ("torch.zeros(td['tokens'].shape[1] if td['tokens'].dim() == 4 else 1)", "[T]"),
        ("torch.zeros(flat['tokens'].shape[1] if flat['tokens'].ndim == 4 else 1)", "[1]"),
        ("td['env_obs'].flatten(0, 1)", "[B*T, ...]"),
        ("flat['env_obs'].flatten(1)", "[B*T, ?]"),
        ("flat['env_obs'].flatten(2)", None),
        ("td['env_obs'].view(B * T, -1)", "[B*T, ?]"),
        ("torch.full((B * T,), T)", "[B*T]"),
        ("torch.full(flat.batch_size, T)", "[B*T]"),
        ("torch.full(size=(B * T,), fill_value=T)", None),
        ("torch.zeros(B, T, 7)", "[B, T, 7]"),
        ("torch.ones_like(torch.zeros(B, T))", "[B, T]"),
        ("torch.zeros(B).new_full((T,), 1)", "[T]"),
        ("torch.tensor([T])", "[1]"),
        ("torch.tensor([[1, 2, 3], [4, 5, 6]])", "[2, 3]"),
        ("torch.arange(B * T)", "[B*T]"),
        ("self.linear(torch.zeros(B, T, 7))", "[B, T, 4]"),
        ("self.norm(torch.zeros(B, T, 7)).exp().to(torch.float32)", "[B, T, 7]"),
        ("self.lstm(torch.zeros(T, B, 7))[0]", "[T, B, ?]"),
        ("self.lstm(torch.zeros(T, B, 7))[0].transpose(0, 1)", "[B, T, ?]"),
        ("self.cell(torch.zeros(B, 7))", "[B, ?]"),
        ("torch.zeros(B, T, 7).permute(1, 0, 2)", "[T, B, 7]"),
        ("self.query.expand(B * T, -1, -1)", "[B*T, 1, 4]"),
        ("torch.zeros(3).expand(T, B, 3)", "[T, B, 3]"),
        ("torch.zeros(B, 3).expand(3)", None),
        ("td['env_obs'].expand(B, T, 2, 3)", None),
        ("self.attend(self.query.expand(B, -1, -1), x := torch.zeros(B, T, 4), x)[0]", "[B, 1, 4]"),
        ("self.attend(self.query.expand(B, -1, -1), x := torch.zeros(B, T, 4), x)[1]", None),
        ("self.linear(torch.zeros(B, T, 7))[0]", "[T, 4]"),
        ("torch.zeros(B, 7).unsqueeze(1)", "[B, 1, 7]"),
        ("torch.zeros(B, 7).unsqueeze(-1)", "[B, 7, 1]"),
        ("torch.zeros(B, 1).squeeze(-1)", "[B]"),
        ("torch.zeros(B, T, 7).sum(-1)", "[B, T]"),
        ("torch.zeros(B, T, 7).mean(dim=1, keepdim=True)", "[B, 1, 7]"),
        ("torch.zeros(B, T).sum()", "[]"),
        ("torch.zeros(B, T, 7)[:, 0]", "[B, 7]"),
        ("torch.zeros(B, T, 7)[..., 0]", "[B, T]"),
        ("torch.zeros(B, 7)[:, None]", "[B, 1, 7]"),
        ("torch.zeros(B, T, 7)[:3]", "[?, T, 7]"),
        ("torch.zeros(B * T, 7)[torch.arange(B * T), torch.zeros(B * T)]", "[B*T]"),
        ("action.flatten(0, 1)[:, 0]", "[B*T, ...]"),
        ("torch.zeros(B, T, 7) * torch.zeros(T, 1)", "[B, T, 7]"),
        ("torch.zeros(B, 7).log_softmax(-1).gather(-1, torch.zeros(B, 1))", "[B, 1]"),
        ("torch.zeros(B, 7).index_put((torch.arange(B), action), torch.ones(T))", "[B, 7]"),
        ("torch.zeros(B, 7).scatter_add(1, torch.zeros(B, T), torch.ones(B, T))", "[B, 7]"),
        ("torch.multinomial(torch.zeros(B, 7), num_samples=1)", "[B, 1]"),
        ("torch.distributions.Categorical(logits=torch.zeros(B, 7)).log_prob(torch.zeros(B))", "[B]"),
        ("einops.rearrange(torch.zeros(B, T, 7), 'b t c -> (b t) c')", "[B*T, 7]"),
        ("einops.rearrange(torch.zeros(B, 7), 'b c -> 1 b c')", "[1, B, 7]"),
        ("torch.kron(flat['a'], flat['b']).view(1, B * T, -1)", "[1, B*T, ?]"),
        ("torch.kron(flat['a'], flat['b']).view(torch.kron(flat['a'], flat['b']).shape[1], B)", "[?, B]"),
        ("torch.kron(flat['a'], flat['b']).view(*torch.kron(flat['a'], flat['b']).shape[:2], 1)", None),
        ("torch.kron(flat['a'], flat['b']).view(torch.uint8)", None),
        ("self.unknown(td)", None),
    ],
)
def test_a_shape_is_followed(expression: str, shape: str | None) -> None:
    traced = run(f"return {expression}").trace
    found = traced.shapes.of(traced.returned)
    assert (None if found is None else str(found)) == shape


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("td.batch_dims", 2),
        ("td.ndim", 2),
        ("td.dim()", 2),
        ("len(td.batch_size)", 2),
        ("len(td.shape[:1])", 1),
        ("flat.batch_dims", 1),
        ("torch.zeros(B, T, 7).dim()", 3),
        ("td['env_obs'].dim()", None),
        ("action.ndim", None),
        ("td.batch_size[0]", None),
    ],
)
def test_what_the_caller_settles_is_a_number(question: str, number: int | None) -> None:
    returned = run(f"return {question}").trace.returned
    assert (returned == Const(number)) is (number is not None)


def test_a_branch_that_the_caller_settles_runs_alone() -> None:
    traced = run("if td.batch_dims > 1:\n    td = td.reshape(B * T)\nreturn td").trace
    assert str(traced.shapes.of(traced.returned)) == "[B*T]"


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (Shape((ROWS * STEPS,)), Shape((STEPS * ROWS,)), False),
        (Shape((ROWS,)), Shape((STEPS,)), True),
        (Shape((ROWS,)), Shape((ROWS, STEPS)), True),
        (Shape((ROWS,), open=True), Shape((ROWS, STEPS)), False),
        (Shape(()), Shape((ROWS,), open=True), True),
        (Shape((None, STEPS)), Shape((ROWS, STEPS)), False),
        (Shape((Size((), 1),)), Shape((ROWS,)), True),
    ],
)
def test_shapes_differ_where_that_is_certain(one: Shape, other: Shape, differ: bool) -> None:
    assert one.differs(other) is other.differs(one) is differ
