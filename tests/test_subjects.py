"""Who is under the contract, and what a policy answers for with its bases, helpers and nets."""

import textwrap
from dataclasses import replace

import pytest
from one_file import module_of

from policyfix import contract, rule
from policyfix.rule import Finding
from policyfix.subjects.policy import PolicyClass, policies
from policyfix.values import Const

CONTRACT = contract.load()
HEAD = "import torch\nimport torch.nn as nn\nfrom tensordict import TensorDict\n\n\n"


def subject(source: str, name: str = "P") -> PolicyClass:
    module = module_of(HEAD + textwrap.dedent(source))
    return next(p for p in policies(module.project, module, CONTRACT) if p.name == name)


def policy(
    forward: str, *, init: str = "self.lstm = nn.LSTM(4, 4)", parameters: str = "", methods: str = ""
) -> PolicyClass:
    body = (
        f"class P(nn.Module):\n    def __init__(self, env{parameters}):\n        super().__init__()\n"
        + textwrap.indent(textwrap.dedent(init), " " * 8)
        + "\n    def forward(self, td: TensorDict, state=None, action=None):\n"
        + textwrap.indent(textwrap.dedent(forward), " " * 8)
        + "\n"
        + textwrap.indent(textwrap.dedent(methods), " " * 4)
    )
    return subject(body)


@pytest.mark.parametrize(
    ("signature", "body", "under"),
    [
        ("td: TensorDict", 'td["values"] = td["env_obs"]', True),
        ("td: TensorDict | None", 'td["values"] = td["env_obs"]', True),
        ('td: "TensorDict"', 'td["values"] = td["env_obs"]', True),
        ("td", 'td["values"] = td["env_obs"]', True),
        ("batch: TensorDict", 'batch["values"] = batch["env_obs"]', True),
        ("td: dict", 'td["values"] = td["env_obs"]', False),
        ("td: dict[str, TensorDict]", 'td["values"] = td["observation"]', False),
        ("td: TensorDict", 'td["values"] = td["observation"]', False),
        ("td: TensorDict", 'td["encoding"] = td["env_obs"]', False),
        ("td: TensorDict", 'td["values"] = torch.zeros(td["env_obs"].shape[0])', False),
        ("td: TensorDict", 'return "env_obs", "values"', False),
        ("td: torch.Tensor", 'td["values"] = td["env_obs"]', False),
        ("", "return self.lstm", False),
    ],
)
def test_who_is_under_the_contract(signature: str, body: str, under: bool) -> None:
    source = f"""
        class P(nn.Module):
            lstm = nn.LSTM
            key = "env_obs"
            def forward(self, {signature}):
                {body}
    """
    assert subject(source).is_contract is under


@pytest.mark.parametrize(
    ("method", "followed"),
    [
        ("def start(self, module): return isinstance(module, nn.LSTM)", False),
        ("def start(self, module): return isinstance(module, (nn.Linear, nn.GRU))", False),
        ("def start(self): return isinstance(self.core, nn.LSTM)", True),
        ("def start(self, module): return isinstance(module, nn.LSTM) or nn.LSTM(4, 4)", True),
        ("def start(self, module): return issubclass(module, nn.LSTM)", True),
        ("def start(self): return getattr(nn, 'LSTM')(4, 4)", True),
        ("def start(self): return 'env_obs'", True),
        ("def start(self): return nn.Linear(4, 4)", False),
    ],
)
def test_a_class_is_followed_that_may_have_a_core(method: str, followed: bool) -> None:
    source = f"class B(nn.Module):\n    {method}\nclass P(B):\n    def forward(self, x): return x\n"
    module = module_of(HEAD + source)
    assert any(p.name == "P" for p in policies(module.project, module, CONTRACT)) is followed


def test_a_class_without_a_module_or_a_forward_is_no_subject() -> None:
    source = "class A:\n    def forward(self, td): td['env_obs']\nclass B(nn.Module):\n    key = 'env_obs'\n"
    with pytest.raises(StopIteration):
        subject(source, "A")
    with pytest.raises(StopIteration):
        subject(source, "B")


@pytest.mark.parametrize(
    ("forward", "answer"),
    [
        ('td["bptt"] = action', True),
        ('if action is not None: td["bptt"] = action', True),
        ('if action is None: td["bptt"] = state', True),
        ("self.stamp(td)", True),
        ("pass", False),
        ("stamp(td)", None),
        ("td[state] = action", None),
        ("self.mystery(td)", None),
    ],
)
def test_whether_a_key_is_written_is_three_valued(forward: str, answer: bool | None) -> None:
    assert policy(forward, methods='def stamp(self, td): td["bptt"] = 1').writes("bptt") is answer


def test_the_two_modes_are_told_apart() -> None:
    subject = policy('if action is None: td["actions"] = 1\nelse: td["entropy"] = 1')
    assert [e.key for e in subject.rollout.events if hasattr(e, "key")] == ["actions"]
    assert [e.key for e in subject.training.events if hasattr(e, "key")] == ["entropy"]


@pytest.mark.parametrize(
    ("parameters", "init", "answer"),
    [
        (", clip_range=0.0", "", True),
        ("", "", False),
        (", **config", "", False),
        (", **config", "self.config = config", True),
        (", **config", "configure(**config)", None),
        (", **config", "self.setup(**config)", True),
        (", **config", "self.drop(**config)", False),
        (", **config", "self.around(**config)", None),
    ],
)
def test_whether_a_keyword_is_taken_is_three_valued(parameters: str, init: str, answer: bool | None) -> None:
    methods = (
        "def setup(self, clip_range=0.0, **rest): ...\ndef drop(self, **rest): ...\n"
        "def around(self, **rest): self.back(**rest)\ndef back(self, **rest): self.around(**rest)\n"
    )
    assert (
        policy("pass", init=init or "pass", parameters=parameters, methods=methods + "lstm = nn.LSTM").takes(
            "clip_range"
        )
        is answer
    )


@pytest.mark.parametrize(
    ("inputs", "runs_over_time"),
    [
        ('td["env_obs"].view(2, -1, 4)', False),
        ('td["env_obs"].view(-1, 200, 4)', False),
        ('td["env_obs"].view(action, state, -1)', True),
        ('td["env_obs"].unsqueeze(0)', True),
        ('td["env_obs"].reshape((action, state, -1)).transpose(0, 1)', True),
        ('td["env_obs"].float()', False),
    ],
)
def test_a_core_is_a_memory_where_it_runs_over_time(inputs: str, runs_over_time: bool) -> None:
    assert bool(policy(f"self.lstm({inputs})").cores) is runs_over_time


@pytest.mark.parametrize(
    ("given", "after", "kept"),
    [
        ("None", "pass", False),
        ("None", "self.h = new", True),
        ("None", 'td["h"] = new[0]', True),
        ("None", "return td, new", True),
        ("None", "mystery(new)", True),
        ("None", "held = {}; held['h'] = new", False),
        ("None", "held = [new]; return held", True),
        ("None", "self.h = out", False),
    ],
)
def test_where_a_new_state_may_go(given: str, after: str, kept: bool) -> None:
    subject = policy(f'out, new = self.lstm(td["env_obs"].unsqueeze(0), {given})\n{after}')
    (call,) = subject.cores
    assert subject.keeps_state(call) is kept


def test_what_is_kept_comes_back_at_the_next_call() -> None:
    subject = policy(
        'out, self.h = self.lstm(td["env_obs"].unsqueeze(0), self.h)',
        init="self.lstm = nn.LSTM(4, 4)\nself.h = None",
    )
    (call,) = subject.cores
    (store,) = [s for s in subject.kept_states if s in subject.rollout.events]
    assert store.attribute == "h"
    assert subject.stays_attached(store)
    assert call.state != Const(None)


def found_with(changed: contract.Contract, source: str, code: str) -> list[Finding]:
    module = module_of(HEAD + textwrap.dedent(source))
    (chosen,) = (r for r in rule.discover() if r.code == code)
    return [f for p in policies(module.project, module, changed) for f in chosen().check(p)]


INDEX = """
class P(nn.Module):
    def forward(self, td: TensorDict, state=None, action=None):
        td["values"] = td["env_obs"].float()

    def _convert_action_to_logit_index(self, flattened_action):
        types, arguments = flattened_action[:, 0], flattened_action[:, 1]
        return {sum}
"""


@pytest.mark.parametrize(
    ("meaning", "summands", "wrong"),
    [
        ("counts", "self.first[types] + arguments + types", True),
        ("counts", "self.first[types] + arguments", False),
        ("maxima", "self.first[types] + arguments", True),
        ("maxima", "self.first[types] + arguments + types", False),
        ("pairs", "self.first[types] + arguments", False),
    ],
)
def test_the_contract_says_what_a_table_of_actions_cumulates(
    meaning: str, summands: str, wrong: bool
) -> None:
    changed = replace(CONTRACT, tables=(("first", meaning),))
    assert bool(found_with(changed, INDEX.replace("{sum}", summands), "PF503")) is wrong


def test_another_trainer_s_contract_gets_the_same_rules() -> None:
    changed = replace(CONTRACT, observation_key="pixels", clip_method="bound_weights", rollout_outputs=("q",))
    source = (
        'class P(nn.Module):\n    def forward(self, td: TensorDict):\n        td["q"] = td["pixels"] * 2\n'
    )
    (finding,) = found_with(changed, source, "PF301")
    assert "bound_weights" in finding.message
    assert found_with(CONTRACT, source, "PF301") == []
