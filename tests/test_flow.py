"""Following values: what a run shows, that it ends, and that questions about values stay cheap."""

import textwrap
import time

import pytest
from one_file import built

from policyfix.flow import expressions
from policyfix.trace import (
    Branch,
    Called,
    CoreCall,
    Escape,
    InPlace,
    KeyRead,
    KeyWrite,
    Store,
    Trace,
    Unfollowed,
)
from policyfix.values import (
    NONE,
    UNKNOWN,
    Const,
    Either,
    Group,
    Term,
    Value,
    aliases,
    comes_from,
    either,
    group,
    is_fresh_state,
    is_none,
    options,
    states_of,
    walk,
)

HEAD = (
    "from functools import partial\nimport torch\nimport torch.nn as nn\nfrom tensordict import TensorDict\n"
)


def run(forward: str, rest: str = "", head: str = "") -> Trace:
    """The trace of `forward(td, x)` of a module with an LSTM and a GRU cell."""
    source = (
        HEAD
        + textwrap.dedent(head)
        + "class P(nn.Module):\n"
        + "    def __init__(self):\n"
        + "        super().__init__()\n"
        + "        self.lstm = nn.LSTM(4, 4)\n"
        + "        self.cell = nn.GRUCell(4, 4)\n"
        + "        self.kept = None\n"
        + "        self.held = {}\n"
        + "    def forward(self, td, x):\n"
        + textwrap.indent(textwrap.dedent(forward), "        ")
        + "\n"
        + textwrap.indent(textwrap.dedent(rest), "    ")
    )
    symbolic, thing, found = built(source)
    return symbolic.call(thing, *found, {"td": symbolic.term("td"), "x": symbolic.term("x")})


def written(trace: Trace) -> set[str | None]:
    return {e.key for e in trace.of(KeyWrite)}


def attached(trace: Trace) -> bool:
    """Whether a stored state has its graph; raises where none is stored."""
    (kept,) = {any(states_of(s.value).values()) for s in trace.of(Store) if states_of(s.value)}
    return kept


@pytest.mark.parametrize(
    "forward",
    [
        'td["k"] = x',
        'td.set("k", x)',
        'td.set_("k", x)',
        'td.update({"k": x})',
        "td.update(dict(k=x))",
        "td.k = x",
        'setattr(td, "k", x)',
        'key = "k"\ntd[key] = x',
        'flat = td.reshape(-1)\nflat["k"] = x',
        'if x.ndim == 2:\n    td["k"] = x',
        'while x.any():\n    td["k"] = x\n    break',
        'try:\n    x.check()\nfinally:\n    td["k"] = x',
        'try:\n    x.check()\nexcept ValueError:\n    td["k"] = x',
        'with torch.no_grad():\n    td["k"] = x',
        'match x.ndim:\n    case 2:\n        td["k"] = x',
        'match (x, td):\n    case (value, into):\n        into["k"] = value',
        'match (td, 3):\n    case (into, int(n)):\n        into["k"] = n',
        'match {"into": td}:\n    case {"into": into, **rest}:\n        into["k"] = x',
        'self.td = td\nmatch self:\n    case P(td=into):\n        into["k"] = x',
        'match {"k": x}:\n    case dict(entries):\n        td.update(entries)',
        'for key in ("k", "l"):\n    td[key] = x',
        'def inner():\n    td["k"] = x\ninner()',
        'def two():\n    yield x\n    yield td\nfor t in two():\n    t["k"] = x',
        'def pairs():\n    for i in range(3):\n        yield i, td\nfor i, t in pairs():\n    t["k"] = x',
        "self.helper(into=td, value=x)",
        "self.helper(*(td, x))",
        'self.helper(**{"into": td, "value": x})',
        "type(self).helper(self, td, x)",
        "self.__class__.helper(self, td, x)",
        "P.helper(self, td, x)",
        'new = TensorDict({"k": x}, batch_size=[1])',
        '(y := td)["k"] = x',
        'a, (b, *c) = 1, (td, 2, 3)\nb["k"] = x',
        'for t in [td]:\n    t["k"] = x',
        'put = lambda key: td.set(key, x)\nput("k")',
        "put = partial(self.helper, td)\nput(x)",
        "put = partial(self.helper, value=x)\nput(into=td)",
    ],
)
def test_a_key_is_written_in_every_spelling(forward: str) -> None:
    assert "k" in written(run(forward, 'def helper(self, into, value):\n    into["k"] = value\n'))


@pytest.mark.parametrize(
    "forward",
    [
        'y = td["k"]',
        'td.get("k")',
        '"k" in td.keys()',
        'local = {}\nlocal["k"] = x',
        'if False:\n    td["k"] = x',
        'return td\ntd["k"] = x',
        'raise ValueError\ntd["k"] = x',
        'def inner():\n    td["k"] = x',
        'if x is x:\n    return td\nelse:\n    return td\ntd["k"] = x',
        "\"td['k'] = x\"",
        'td["other"] = x',
        'td["l"] = "k"',
    ],
)
def test_a_key_is_not_written_by_what_looks_like_it(forward: str) -> None:
    trace = run(forward)
    assert trace.complete
    assert "k" not in written(trace)
    assert None not in written(trace)


@pytest.mark.parametrize(
    "forward",
    ["td[x] = x", "td.update(x)", "td.update(mystery(x))", "td.update({**x})", 'td[f"{x}"] = x'],
)
def test_a_computed_key_may_be_any(forward: str) -> None:
    assert None in written(run(forward))


@pytest.mark.parametrize(
    "forward",
    [
        "mystery(td)",
        "self.mystery(td)",
        "stamp.rows(td)",
        "mystery(a=[td])",
        "x.rows(td)",
        "import functools\nfunctools.partial(self.__init__, td)",
    ],
)
def test_what_is_handed_to_something_unknown_is_recorded(forward: str) -> None:
    escaped = [part for e in run(forward).of(Escape) for part in walk(e.value)]
    assert any(isinstance(part, Term) and part.op == "td" for part in escaped)


def test_reads_name_their_key() -> None:
    trace = run('a = td["one"]\nb = td.get("two")')
    assert {e.key for e in trace.of(KeyRead)} == {"one", "two"}


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("self.kept = state", True),
        ("self.kept = (state[0], state[1])", True),
        ("h, c = state\nself.kept = h, c.detach()", True),
        ("self.kept = tuple(s for s in state)", True),
        ("self.kept = [s.clone() for s in state]", True),
        ("self.held[3] = state", True),
        ("self.held.update(a=state)", True),
        ("setattr(self, 'kept', state)", True),
        ("self.kept = torch.stack(state)", True),
        ("self.kept = state[0] * x", True),
        ("self.kept = tuple(s.detach() for s in state)", False),
        ("self.kept = [s.detach() for s in state]", False),
        ("self.kept = tuple(map(lambda s: s.detach(), state))", False),
        ("keep = lambda s: s\nself.kept = keep(state)", True),
        ("self.kept = state[0].data", False),
        ("h, c = state\nh.detach_()\nself.kept = h", False),
        ("self.kept = torch.stack([s.detach() for s in state])", False),
        ("self.keep(*state)", False),
        ("self.kept = off(state)", False),
        ("with torch.no_grad():\n    self.kept = state[0] * 1", False),
    ],
)
def test_a_stored_state_is_attached_until_something_detaches_it(store: str, expected: bool) -> None:
    trace = run(
        f"out, state = self.lstm(x.unsqueeze(0), None)\n{store}",
        "def keep(self, h, c):\n    self.kept = (h.detach(), c.detach())\n",
        """
        def off(value):
            if isinstance(value, torch.Tensor):
                return value.detach()
            return tuple(off(part) for part in value)
        """,
    )
    assert attached(trace) is expected


def test_the_output_of_a_sequence_core_is_no_state_and_that_of_a_cell_is() -> None:
    assert not states_of(run("out, state = self.lstm(x)\nreturn out").returned)
    assert states_of(run("return self.cell(x)").returned)


@pytest.mark.parametrize(
    ("state", "fresh"),
    [
        ("None", True),
        ("(torch.zeros(1, 2, 4), x.new_zeros(1, 2, 4))", True),
        ("tuple(torch.zeros(1, 2, 4) for _ in range(2))", True),
        ("None if x.ndim == 2 else (torch.zeros(1), torch.zeros(1))", True),
        ("x", False),
        ("(torch.zeros(1), x)", False),
        ("self.kept if x.any() else x", False),
        ("torch.randn(2)", False),
        ("mystery()", False),
    ],
)
def test_a_fresh_state_is_none_or_zeros_on_every_path(state: str, fresh: bool) -> None:
    (call,) = run(f"return self.lstm(x, {state})").of(CoreCall)
    assert is_fresh_state(call.state) is fresh


@pytest.mark.parametrize(
    ("expression", "shared"),
    [
        ('td["o"]', True),
        ('td["o"].view(-1, 3)', True),
        ('td["o"][..., 0]', True),
        ('td["o"][0, 1:3, None]', True),
        ('td.get("o").detach().squeeze(0)', True),
        ('td.reshape(-1)["o"]', True),
        ('td[0]["o"]', True),
        ('td.copy()["o"]', True),
        ('td.clone(False)["o"]', True),
        ('td["o"].to(torch.uint8)', True),
        ('td["o"] if x.any() else x', True),
        ('td["o"].unbind(-1)[0]', True),
        ('td["o"].clone()', False),
        ('td["o"].float()', False),
        ('td["o"].to(torch.float32)', False),
        ('td["o"][x]', False),
        ('td["o"][td["o"] == 255]', False),
        ('td["o"] + 0', False),
        ('td.clone()["o"]', False),
        ('td[x]["o"]', False),
        ('td["other"]', False),
        ('torch.where(x, td["o"], x)', False),
    ],
)
def test_what_shares_storage_with_an_entry(expression: str, shared: bool) -> None:
    value = run(f"return {expression}").returned
    assert aliases(value, "o", "uint8") is shared


@pytest.mark.parametrize(
    "forward",
    [
        "x[0] = 1",
        "x += 1",
        "x.add_(1)",
        "x.data = td",
        "torch.relu_(x)",
        "torch.add(x, 1, out=x)",
        "x[0].zero_()",
    ],
)
def test_a_tensor_is_overwritten_in_every_spelling(forward: str) -> None:
    (event,) = run(forward).of(InPlace)
    assert any(isinstance(part, Term) and part.op == "x" for part in walk(event.target))


@pytest.mark.parametrize(
    "forward", ["x = x + 1", "x.add(1)", "x.__len__()", "x.requires_grad_(False)", "y = [x]\ny[0] = 1"]
)
def test_a_tensor_is_not_overwritten_by_what_looks_like_it(forward: str) -> None:
    assert run(forward).of(InPlace) == []


def test_a_replaced_list_element_is_seen_by_all_who_hold_the_list() -> None:
    trace = run("self.kept = [x, x]\nself.kept[1] = td\nreturn self.kept[1], self.kept[0]")
    assert isinstance(trace.returned, Group)
    assert [item.op for item in trace.returned.items if isinstance(item, Term)] == ["td", "x"]


def test_both_sides_of_an_open_branch_come_together() -> None:
    assert isinstance(run("y = x\nif x.any():\n    y = td\nreturn y").returned, Either)
    assert run("y = x\nif 1 < 2:\n    y = None\nreturn y").returned == NONE


@pytest.mark.parametrize(
    "use",
    [
        "if y is not None:\n    td['k'] = y",
        "if not (y is None):\n    td['k'] = y",
        "if y is None:\n    return td\ntd['k'] = y",
        "if y:\n    td['k'] = y",
        "if y is None or x.all():\n    return td\ntd['k'] = y",
        "if x.all() and y is not None:\n    td['k'] = y",
        "if (z := y) is not None:\n    td['k'] = z",
        "td['k'] = x if y is None else y",
        "td['k'] = y is not None and y",
        "td['k'] = y if y is not None and x.all() else x",
        "self.kept = y\nif self.kept is not None:\n    td['k'] = self.kept",
        "inner = P()\ninner.kept = y\nif inner.kept is None:\n    return td\ntd['k'] = inner.kept",
    ],
)
def test_what_a_test_rules_out_is_not_there(use: str) -> None:
    trace = run("y = None if x.any() else x\n" + use)
    assert all(NONE not in options(w.value) for w in trace.of(KeyWrite))
    assert "k" in written(trace)


def test_what_a_test_ruled_out_is_there_again_afterwards() -> None:
    trace = run(
        "y = None if x.any() else x\nz = y if y is not None else x\ntd['k'] = y\nif y:\n    pass\ntd['l'] = y"
    )
    assert all(NONE in options(w.value) for w in trace.of(KeyWrite))
    assert written(trace) == {"k", "l"}


def test_a_path_that_raises_does_not_come_through() -> None:
    returned = run("if x.any():\n    y = None\n    raise ValueError\nelse:\n    y = x\nreturn y").returned
    assert isinstance(returned, Term)
    assert returned.op == "x"


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("for key in ('a', 'b'):\n    if key == 'a':\n        continue\n    td[key] = x", {"b"}),
        ("for key in ('a', 'b'):\n    if key == 'a':\n        break\n    td[key] = x", set()),
        ("for key in ('a', 'b'):\n    td[key] = x\n    if x.any():\n        break", {"a", "b"}),
        ("y = None\nfor z in x:\n    if y is None:\n        y = z\n        continue\n    td['a'] = y", {"a"}),
    ],
)
def test_what_a_pass_skips_the_next_one_does(loop: str, expected: set[str]) -> None:
    assert written(run(loop)) == expected


@pytest.mark.parametrize(
    "forward",
    [
        "return self.again(x)",
        "return off(x)",
        "def inner(y):\n    return inner(y)\nreturn inner(x)",
        "self.forward(td, x)",
        "while True:\n    x = self.cell(x, x)",
        "for i in range(10 ** 9):\n    x = [x, x]\nreturn x",
    ],
)
def test_recursion_and_endless_loops_end(forward: str) -> None:
    start = time.process_time()
    run(
        forward,
        "def again(self, y):\n    return self.other(y)\ndef other(self, y):\n    return self.again(y)\n",
        "def off(y):\n    return tuple(off(z) for z in y)\n",
    )
    assert time.process_time() - start < 2


def test_runaway_code_ends_at_the_step_budget_and_the_answer_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "MAX_STEPS", 2_000)
    doubling = "\n".join(
        f"def f{i}(self, y):\n    self.f{i + 1}(y)\n    self.f{i + 1}(y)\n" for i in range(20)
    )
    trace = run("self.f0(x)", doubling + "def f20(self, y): ...\n")
    assert not trace.complete


def test_many_branches_cost_no_more_than_their_sum() -> None:
    def seconds(branches: int) -> float:
        forward = "".join(f"if x.c{i}():\n    x = x.d{i}()\n" for i in range(branches)) + "return x"
        start = time.process_time()
        trace = run(forward)
        assert comes_from(trace.returned, "nothing") is False
        return time.process_time() - start

    seconds(10)
    assert seconds(160) < 1.0


def deep(depth: int) -> Value:
    """A value in which every level is used twice: written out it has 2 ** depth parts."""
    value: Value = Term("x", (), 0)
    for level in range(depth):
        value = group([either([value, Term("clone", (value,), level)]), value])
    return value


@pytest.mark.parametrize(
    "question",
    [
        lambda v: list(walk(v)),
        lambda v: states_of(v),
        lambda v: aliases(v, "o", "uint8"),
        lambda v: comes_from(v, "o"),
        lambda v: is_fresh_state(v),
    ],
)
def test_questions_about_values_are_linear_in_what_is_distinct(question: object) -> None:
    assert callable(question)
    value = deep(400)
    start = time.process_time()
    question(value)
    assert time.process_time() - start < 1.0


def test_equal_groups_and_alternatives_are_one_object() -> None:
    one, other = Const(1), Term("x", (), 0)
    assert group([one, other]) is group([one, other])
    assert either([one, other]) is either([other, one])
    assert either([one, one]) is one
    assert either([]) is UNKNOWN
    assert set(options(either([one, either([other, NONE])]))) == {one, other, NONE}


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (NONE, True),
        (Const(0), False),
        (UNKNOWN, None),
        (Term("parameter", (), 0), None),
        (Term("x", (), 0), False),
        (either([NONE, Const(1)]), None),
    ],
)
def test_whether_a_value_is_none_is_three_valued(value: Value, answer: bool | None) -> None:
    assert is_none(value) is answer


def test_true_and_one_are_different_constants() -> None:
    assert Const(True) != Const(1)
    assert Const(1.0) != Const(1)


NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Linear(4, 4)]
        layers.append(nn.ReLU())
        self.body = nn.Sequential(*layers)
        self.body.append(nn.Linear(4, 2))
        self.heads = nn.ModuleList([])
        for size in (3, 5):
            self.heads.append(nn.Linear(2, size))
        self.inserted = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        self.inserted.insert(1, nn.ReLU())
"""


def ways(value: Value) -> list[list[str]]:
    """The modules that a value went through, the last one first, for each of its alternatives."""
    found = []
    for option in options(value):
        if isinstance(option, Term) and option.op == "module" and isinstance(option.args[0], Term):
            kind = option.args[0].op.rpartition(".")[2]
            found += [[kind, *way] for way in ways(option.args[1])]
        else:
            found.append([])
    return found


def test_a_sequential_runs_its_modules_in_order_however_it_was_filled() -> None:
    trace = run("return Net().body(x)", head=NET)
    assert ways(trace.returned) == [["Linear", "ReLU", "Linear"]]


def test_a_part_of_a_sequential_runs_its_modules() -> None:
    trace = run("net = Net()\nreturn net.body[:-1](x), net.body[1:](x), net.body[n:](x)", head=NET)
    assert isinstance(trace.returned, Group)
    front, back, unknown = trace.returned.items
    assert ways(front) == [["ReLU", "Linear"]]
    assert ways(back) == [["Linear", "ReLU"]]
    assert ways(unknown) == [[]]


def test_a_sequential_that_is_changed_in_other_ways_is_one_unknown_module() -> None:
    trace = run("return Net().inserted(x)", head=NET)
    assert ways(trace.returned) == [["Sequential"]]


def test_the_modules_of_a_list_are_run_one_by_one_and_picked_by_number() -> None:
    trace = run("net = Net()\nreturn [h(x) for h in net.heads], net.heads[1](x), net.heads[7]", head=NET)
    assert isinstance(trace.returned, Group)
    every, second, none = trace.returned.items
    assert isinstance(every, Group)
    assert len(every.items) == 2
    assert every.items[1] is second
    assert none == UNKNOWN


def test_a_module_of_a_list_picked_by_an_unknown_number_may_be_any_of_them() -> None:
    trace = run("return Net().heads[x](td)", head=NET)
    assert len(list(options(trace.returned))) == 2


def test_branches_are_recorded_with_what_they_make() -> None:
    trace = run("if x.max() > 1:\n    x = x / 255\nreturn x * 2 if x.min() < 0 else x")
    first, second = trace.of(Branch)
    halved = next(o for o in options(trace.returned) if isinstance(o, Term) and o.op == "*")
    assert first.place.span.line + 2 == second.place.span.line
    assert isinstance(first.test, Term)
    assert first.test.op == "compare>"
    assert second.order < halved.order < second.end


def test_calls_know_the_open_tests_around_them() -> None:
    trace = run(
        "a = x.item()\n"
        "if self.debug:\n    b = x.tolist()\n"
        "self.note(x)\n"
        "with torch.device(x):\n    c = torch.zeros(3)\n"
        "return torch.ones(3)",
        "def note(self, x):\n    if not self.loud:\n        return\n    x.numpy()\n",
    )
    depth = {call.name: len(call.guards) for call in trace.of(Called)}
    expected = {".item": 0, ".tolist": 1, ".numpy": 1, "torch.device": 0, "torch.zeros": 1, "torch.ones": 0}
    assert depth == expected


def test_calls_that_are_not_followed_are_noted() -> None:
    trace = run(
        "self.somebody.work()\nunheard_of()\nx.apply\nself.lstm.apply(self.touch)",
        "def touch(self, m):\n    m.weight.data.zero_()\n",
    )
    assert len(trace.of(Unfollowed)) == 2
    assert [write.operation for write in trace.of(InPlace)] == ["zero_"]
    assert not run("return x.clamp(0, 1)").of(Unfollowed)


def test_an_entry_of_a_dict_is_told_apart_by_its_name() -> None:
    trace = run('d = {"a": 1, "b": x}\nreturn d.get("c", 2), d.pop("a", 3)')
    assert trace.returned == group([Const(2), Const(1)])


@pytest.mark.parametrize(
    ("made", "held"),
    [
        ("Kept(x, 2)", ["x", "2"]),
        ("Kept(x)", ["x", "7"]),
        ("Kept(c=3, h=x)", ["x", "3"]),
        ("Kept(**td)", ["attribute", "attribute"]),
        ("Kept(*td)", ["attribute", "attribute"]),
    ],
)
def test_what_a_dataclass_is_built_with_comes_before_its_defaults(made: str, held: list[str]) -> None:
    head = "from dataclasses import dataclass\n@dataclass\nclass Kept:\n    h: object\n    c: int = 7\n"
    trace = run(f"kept = {made}\nreturn kept.h, kept.c", head=head)
    assert isinstance(trace.returned, Group)
    assert [v.op if isinstance(v, Term) else str(v.value) for v in trace.returned.items] == held


@pytest.mark.parametrize(("length", "known"), [(3, True), (30_000, False)])
def test_a_long_table_is_data_and_stops_no_run(length: int, known: bool) -> None:
    trace = run("td['k'] = [TABLE[0], TABLE[1]][0]", head=f"TABLE = {list(range(length))}\n")
    assert trace.complete
    assert (Const(0) in [e.value for e in trace.of(KeyWrite)]) is known


@pytest.mark.parametrize("maker", ["Kept", "Sub", "Kept(1)", "type(Kept(1))"])
def test_a_class_method_is_given_the_class_however_it_is_reached(maker: str) -> None:
    head = (
        "from dataclasses import dataclass\n@dataclass\nclass Kept:\n    h: object\n    @classmethod\n"
        "    def of(cls, h):\n        return cls(h)\nclass Sub(Kept): ...\n"
    )
    trace = run(f"return {maker}.of(x).h", head=head)
    assert isinstance(trace.returned, Term)
    assert trace.returned.op == "x"
    assert not trace.of(Escape)


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ("options = {'a': 1}", True),
        ("options = {'a': 1, 'b': x}", True),
        ("options = {**td.options, 'a': 1}", True),
        ("options = {'a': 1, **td.options}", False),
        ("options = {'a': 1}\nfor key in x:\n    options[key] = x", False),
        ("options = {'a': 1}\nfor key in x:\n    options[key] = x\noptions['a'] = 1", True),
    ],
)
def test_what_an_unknown_key_may_overwrite_is_not_known(options: str, known: bool) -> None:
    assert (run(f"{options}\nreturn options['a']").returned == Const(1)) is known


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("with around(td):\n    td['k'] = x", ["before", "k", "after"]),
        ("with around(td) as held:\n    held['k'] = x", ["before", "k", "after"]),
        ("with torch.no_grad(), around(td):\n    td['k'] = x", ["before", "k", "after"]),
        (
            "with around(td):\n    with around(td):\n        td['k'] = x",
            [*["before"] * 2, "k", *["after"] * 2],
        ),
        ("with around(td):\n    td['k'] = x\n    return td", ["before", "k", "after"]),
        (
            "for key in ('k', 'l'):\n    with around(td):\n        td[key] = x\n        break",
            ["before", "k", "after"],
        ),
        ("with around(td):\n    td['k'] = x\n    raise ValueError", ["before", "k"]),
    ],
)
def test_the_body_of_a_with_runs_where_its_manager_yields(body: str, expected: list[str]) -> None:
    head = (
        "from contextlib import contextmanager\n@contextmanager\ndef around(td):\n"
        "    td['before'] = 1\n    yield td\n    td['after'] = 1\n"
    )
    trace = run(body, head=head)
    assert [e.key for e in trace.of(KeyWrite)] == expected
    assert not trace.of(Escape)


def test_names_bound_in_the_body_of_a_with_are_known_after_it() -> None:
    head = "from contextlib import contextmanager\n@contextmanager\ndef around():\n    kept = 1\n    yield\n"
    assert run("kept = 2\nwith around():\n    kept = 3\nreturn kept", head=head).returned == Const(3)


@pytest.mark.parametrize("mode", ["no_grad", "enable_grad"])
def test_a_manager_may_switch_autograd_off(mode: str) -> None:
    head = (
        "from contextlib import contextmanager\n@contextmanager\ndef quiet():\n"
        f"    with torch.{mode}():\n        yield\n"
    )
    trace = run("with quiet():\n    out, state = self.lstm(x)\nself.kept = state", head=head)
    kept = [states_of(s.value) for s in trace.of(Store)]
    assert any(any(found.values()) for found in kept) is (mode == "enable_grad")


DECORATORS = """
import functools

def around(f):
    @functools.wraps(f)
    def inner(self, *args, **kwargs):
        return f(self, *args, **kwargs)
    return inner

def also(key):
    def decorator(f):
        def inner(self, into, value):
            into[key] = value
            return f(self, into, value)
        return inner
    return decorator

def swapped(f):
    return lambda self, value, into: f(self, into, value)

def noted(f):
    NAMES.append(f.__name__)
    return f

def instead(f):
    return lambda self, into, value: value

def hidden(f):
    return somebody(f)

class Wrap:
    def __init__(self, f):
        self.f = f

def hidden_in_a_class(name):
    return Wrap

def hidden_in_an_object(f):
    return Wrap(f)

def hidden_in_a_library(size):
    return functools.lru_cache
"""


@pytest.mark.parametrize(
    ("decorators", "arguments", "keys"),
    [
        ("@around", "td, x", {"k"}),
        ("@around", "into=td, value=x", {"k"}),
        ("@also('l')", "td, x", {"k", "l"}),
        ("@also('l')\n@around\n@also('m')", "td, x", {"k", "l", "m"}),
        ("@swapped", "x, td", {"k"}),
        ("@noted", "td, x", {"k"}),
        ("@functools.cache\n@around", "td, x", {"k"}),
        ("@instead", "td, x", set()),
        ("@hidden", "td, x", {"k"}),
        ("@hidden_in_a_class('n')", "td, x", {"k"}),
        ("@hidden_in_an_object", "td, x", {"k"}),
        ("@hidden_in_a_library(2)", "td, x", {"k"}),
    ],
)
def test_a_decorator_of_the_project_is_followed(decorators: str, arguments: str, keys: set[str]) -> None:
    helper = f"{decorators}\ndef helper(self, into, value):\n    into['k'] = value\n"
    trace = run(f"self.helper({arguments})", helper, DECORATORS)
    assert written(trace) == keys
    assert any(trace.of(Escape)) is ("hidden" in decorators)


def test_a_decorated_method_finds_its_base() -> None:
    head = DECORATORS + "\nclass Base(nn.Module):\n    def put(self, into):\n        into['k'] = 1\n"
    derived = "class D(Base):\n    @around\n    def put(self, into):\n        super().put(into)\n"
    assert written(run("D().put(td)", head=head + derived)) == {"k"}
