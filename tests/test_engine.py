"""From paths to findings: what is said, where, and what is never passed over in silence."""

import gc
import itertools
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from policyfix import contract, engine, sources
from policyfix.finding import Result
from policyfix.project import Project
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass

AGENTS = Path(__file__).parents[1] / "examples" / "agents"
CASES = Path(__file__).parent / "rules"


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    return Path(shutil.copytree(AGENTS, tmp_path / "agents"))


def check(*paths: Path, **options: object) -> Result:
    return engine.check(paths, contract.load(), **options)  # type: ignore[arg-type]


def codes(result: Result) -> set[tuple[str, str]]:
    return {(finding.symbol.partition(".")[0], finding.code) for finding in result.findings}


def test_findings_stand_where_the_defect_is(agents: Path) -> None:
    result = check(agents)
    by_code = {f.code: f for f in result.findings if Path(f.path).name == "forager.py"}
    lines = (agents / "forager.py").read_text().splitlines()
    assert lines[by_code["PF101"].line - 1].lstrip().startswith("def forward")
    assert lines[by_code["PF202"].line - 1].startswith("class Forager(")
    overwrite = by_code["PF501"]
    text = lines[overwrite.line - 1]
    assert text[overwrite.column - 1 : overwrite.end_column - 1] == "tokens[tokens == 255] = 0"
    assert overwrite.symbol == "ForagerNet.encode_observations"


def test_the_order_of_the_paths_changes_nothing(agents: Path) -> None:
    files = sorted(agents.glob("*.py"))
    expected = check(*files).findings
    for seed in range(3):
        random.Random(seed).shuffle(files)
        assert check(*files).findings == expected


def test_a_check_keeps_no_project_of_earlier_ones(agents: Path) -> None:
    def kept() -> int:
        gc.collect()
        return sum(isinstance(thing, Project) for thing in gc.get_objects())

    check(agents)
    before = kept()
    for _ in range(3):
        check(agents)
    assert kept() <= before


def test_bases_outside_the_given_paths_are_read(agents: Path) -> None:
    alone = check(agents / "forager.py")
    assert codes(alone) == {k for k in codes(check(agents)) if k[0].startswith("Forager")}


def test_a_defect_of_a_base_is_told_once_and_at_the_subclass_where_only_that_is_checked(
    tmp_path: Path,
) -> None:
    (tmp_path / "base.py").write_text(
        "from tensordict import TensorDict\nfrom torch import nn\n\n\n"
        "class Base(nn.Module):\n"
        "    def __init__(self, env):\n"
        "        super().__init__()\n"
        "        self.lstm = nn.LSTM(8, 8)\n\n"
        "    def forward(self, td: TensorDict):\n"
        '        x = td["env_obs"].float().unsqueeze(0)\n'
        "        out, _ = self.lstm(x)\n"
        '        td["values"] = out\n'
        "        return td\n"
    )
    (tmp_path / "sub.py").write_text("from base import Base\n\n\nclass Sub(Base):\n    pass\n")
    both = check(tmp_path)
    assert {f.path for f in both.findings} == {str(tmp_path / "base.py")}
    sub = check(tmp_path / "sub.py")
    assert {f.code for f in sub.findings} == {f.code for f in both.findings} >= {"PF101", "PF205", "PF301"}
    assert {f.path for f in sub.findings} == {str(tmp_path / "sub.py")}
    inherited = next(f for f in sub.findings if f.code == "PF205")
    assert "base.py:12" in inherited.message
    assert inherited.fix is None
    assert inherited.unfixed is not None
    assert "base.py" in inherited.unfixed


def test_a_defect_of_a_subclass_net_is_told_beside_one_of_the_base(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(
        "from tensordict import TensorDict\nfrom torch import nn\n\n\n"
        "class Base(nn.Module):\n"
        "    def __init__(self, env):\n"
        "        super().__init__()\n"
        "        self.net = nn.Linear(600, 8)\n\n"
        "    def forward(self, td: TensorDict):\n"
        '        scale = td["env_obs"].sum().item()\n'
        '        td["values"] = self.net(td["env_obs"].float().flatten(1)) / scale\n'
        "        return td\n\n\n"
        "class Same(Base):\n"
        "    pass\n\n\n"
        "class Sub(Base):\n"
        "    def __init__(self, env):\n"
        "        super().__init__(env)\n"
        "        self.net = Net()\n\n\n"
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x / x.abs().max().item()\n"
    )
    lines = sorted(f.line for f in check(tmp_path).findings if f.code == "PF701")
    assert lines == [11, 28]


@pytest.mark.parametrize("mark", [".git", "pyproject.toml"])
def test_a_folder_of_a_repository_is_read_as_with_the_rest_of_it(agents: Path, mark: str) -> None:
    top = agents.parent
    (top / mark).mkdir()
    core = top / "packages" / "core" / "src" / "core"
    core.mkdir(parents=True)
    (agents / "wrapper.py").rename(core / "wrapper.py")
    forager = agents / "forager.py"
    forager.write_text(forager.read_text().replace("from .wrapper", "from core.wrapper"))
    whole = [f for f in check(top).findings if Path(f.path).is_relative_to(agents)]
    assert "PF202" in {f.code for f in whole}  # what the base may have, and has not
    assert check(agents).findings == whole
    (top / mark).rmdir()  # what lies around may then be anybody's
    assert "PF202" not in {f.code for f in check(agents).findings}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("broken.py", b"def broken(:\n", "is not valid Python"),
        ("two.py", b'print "hello"\n', "parentheses"),
        ("bytes.py", b"x = '\xff'\n", "cannot be decoded"),
        ("policy.py", b"import torch\nclass A(torch.nn.Module):\n    x = nn.LSTM(\n", "is not valid Python"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_beside_the_findings(
    agents: Path, name: str, data: bytes, said: str
) -> None:
    (agents / name).write_bytes(data)
    result = check(agents)
    (problem,) = result.problems
    assert Path(problem.path).name == name
    assert said in problem.message
    assert result.findings
    assert result.exit_code == 2


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="it is not newer")
def test_newer_syntax_matters_only_where_a_policy_may_stand(tmp_path: Path) -> None:
    newer = tmp_path / "new.py"
    newer.write_text("type Alias[T] = list[T]\n")
    assert check(tmp_path).exit_code == 0
    newer.write_text("import torch.nn as nn\nclass Net[T](nn.Module):\n    core = nn.LSTM\n")
    (problem,) = check(tmp_path).problems
    assert problem.line == 2
    assert "newer Python" in problem.message


def test_deep_nesting_is_told_and_does_not_end_the_run(agents: Path) -> None:
    (agents / "deep.py").write_text(
        "# LSTM\nimport torch\nclass A(torch.nn.Module):\n    x = " + "-" * 5000 + "1\n"
    )
    result = check(agents)
    assert result.findings
    assert [Path(p.path).name for p in result.problems] in ([], ["deep.py"])


class Failing(Rule[PolicyClass]):
    """A rule with a bug."""

    code, name = "PF999", "failing"

    def check(self, policy: PolicyClass) -> list[Finding]:  # type: ignore[override]
        raise ZeroDivisionError("oh")


def test_a_rule_that_fails_is_told_with_its_code_and_the_class(agents: Path) -> None:
    result = check(agents / "forager.py", rules=[Failing])
    (problem,) = {p.message for p in result.problems if "Forager " in p.message or "Forager:" in p.message}
    assert "PF999" in problem
    assert "ZeroDivisionError: oh" in problem
    assert result.exit_code == 2


def test_exit_codes(agents: Path) -> None:
    assert check(agents / "forager.py").exit_code == 1
    assert check(agents / "healthy.py").exit_code == 0


def test_nothing_of_the_users_code_is_run(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text(
        "import torch\nopen('trap-was-run', 'w')\nraise SystemExit('run')\n"
        "class A(torch.nn.LSTM):\n    def forward(self, td): ...\n"
    )
    check(tmp_path)
    assert not Path("trap-was-run").exists()


CORE = """\
from torch import nn


class Core(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
"""
AGENT = """\


class Agent(Core):
    def forward(self, td: TensorDict):
        out, _ = self.lstm(td["env_obs"].view(1, -1, 8))
        td["values"] = out
        return td
"""


def test_a_subclass_answers_for_its_own_code_though_its_base_is_at_fault_too(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(
        "from tensordict import TensorDict\nfrom torch import nn\n\n\n"
        "class Base(nn.Module):\n"
        "    def __init__(self, env):\n"
        "        super().__init__()\n"
        "        self.lstm = nn.LSTM(8, 8)\n\n"
        "    def forward(self, td: TensorDict):\n"
        '        rows = int(td["env_obs"].max().item())\n'
        '        td["values"], _ = self.lstm(self.encode(td["env_obs"].float().unsqueeze(0)))\n'
        "        return td\n\n"
        "    def encode(self, x):\n"
        "        return x\n\n\n"
        "class Sub(Base):\n"
        "    def encode(self, x):\n"
        "        return x * x.abs().max().item()\n"
    )
    found = [(f.subject, f.line) for f in check(tmp_path).findings if f.code == "PF701"]
    assert found == [("Base", 11), ("Sub", 21)]


def test_subclasses_elsewhere_answer_for_a_changed_base(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "bases").mkdir()
    given = tmp_path / "bases" / "core.py"
    given.write_text(CORE)
    head = "from tensordict import TensorDict\n"
    (tmp_path / "agent.py").write_text(f"{head}from bases.core import Core\n{AGENT}")
    (tmp_path / "other.py").write_text(f"{head}{CORE}{AGENT}")  # a class of the same name, but not the same
    assert check(given).findings == []
    found = check(given, with_dependants=True).findings
    assert {Path(f.path).name for f in found} == {"agent.py"}
    assert "PF205" in {f.code for f in found}
    everything = check(tmp_path).findings
    assert {Path(f.path).name for f in everything} == {"agent.py", "other.py"}
    assert [f.code for f in found] == [f.code for f in everything if Path(f.path).name == "agent.py"]
    assert check(tmp_path / "other.py", with_dependants=True).findings


def test_a_file_that_only_builds_policies_is_read_by_itself_as_with_them(agents: Path) -> None:
    (agents / "table.py").write_text("from .forager import Forager\n\nAGENTS = {'forager': Forager}\n")
    (agents / "factory.py").write_text(
        "from .table import AGENTS\n\n\n"
        "def build(cfg, env):\n"
        "    return AGENTS[cfg.agent_type](env=env, hidden_size=cfg.hidden_size)\n"
    )
    whole = [f for f in check(agents).findings if f.path.endswith("factory.py")]
    assert "PF403" in {f.code for f in whole}
    assert check(agents / "factory.py", with_dependants=True).findings == whole


TRAINER = """\
import torch
from agents.agent import Agent


def update(policy: Agent, minibatch):
    policy.reset_memory()
    B, T = minibatch.batch_size
    td = minibatch.reshape(B * T)
    td["bptt"] = torch.full((B * T,), T)
    td["batch"] = torch.full((B * T,), B)
    return policy(td, action=td["actions"])["entropy"].mean()
"""


def test_a_trainer_that_stamps_itself_is_found_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "agents").mkdir()
    (tmp_path / "rl").mkdir()
    policy, trainer = tmp_path / "agents" / "agent.py", tmp_path / "rl" / "losses.py"
    policy.write_text(f"from tensordict import TensorDict\n{CORE}{AGENT}")
    ways = ([policy], [policy.parent], [tmp_path], [policy, trainer], [trainer, policy])
    others = TRAINER.replace("gent", "")
    unused = TRAINER.replace("policy(td,", "print(td,")
    for text, says in (("", True), (TRAINER, False), (others, True), (unused, True)):
        trainer.write_text(text)
        for paths in ways:
            assert ("PF101" in {f.code for f in check(*paths).findings}) is says


def test_a_policy_by_itself_has_no_finding_that_its_trainer_answers(tmp_path: Path) -> None:
    case = CASES / "tensordict" / "swapped_output_key" / "good_trainer_with_one_name"
    shutil.copytree(case, tmp_path / "agents")
    (tmp_path / "pyproject.toml").touch()
    found = {finding.code for finding in check(tmp_path / "agents" / "policy.py").findings}
    assert found == {finding.code for finding in check(tmp_path / "agents").findings}
    (tmp_path / "agents" / "losses.py").unlink()
    assert {finding.code for finding in check(tmp_path / "agents" / "policy.py").findings} > found


def test_nobody_is_asked_about_classes_that_are_no_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "plain.py").write_text("class Core:\n    pass\n")
    (tmp_path / "agent.py").write_text(f"from tensordict import TensorDict\nfrom plain import Core\n{AGENT}")
    looked = []
    monkeypatch.setattr(sources, "project_root", lambda path: looked.append(path) or tmp_path)
    assert check(tmp_path / "plain.py", with_dependants=True).files == 1
    assert looked == []
    (tmp_path / "plain.py").write_text("import torch\n\n\nclass Core:\n    pass\n")  # may be a mixin
    assert check(tmp_path / "plain.py", with_dependants=True).files == 2


def test_a_notebook_that_was_given_by_mistake_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.ipynb").write_text('{"cells": []}')
    (problem,) = check(tmp_path / "run.ipynb").problems
    assert "is a notebook" in problem.message
    assert check(tmp_path).files == 0


def test_a_generated_file_is_checked_and_not_rewritten(agents: Path) -> None:
    keeper = agents / "keeper.py"
    keeper.write_text("# This file is @generated by a tool.\n" + keeper.read_text())
    found = [f for f in check(agents).findings if f.path == str(keeper)]
    assert {"PF101", "PF201"} <= {f.code for f in found}
    assert {f.unfixed for f in found} == {"the file is generated: mend what generates it"}
    assert not any(f.fix for f in found)
    keeper.write_text(
        keeper.read_text().replace("# This file is @generated by a tool.\n", "x = '@generated'\n")
    )
    assert any(f.fix for f in check(keeper).findings)


def test_a_file_that_is_too_large_is_told_where_it_could_matter(tmp_path: Path) -> None:
    table = "x = [\n" + "    1234567890,\n" * 150_000 + "]\n"
    (tmp_path / "table.py").write_text(table)
    assert check(tmp_path).exit_code == 0
    policy = "from torch import nn\nclass A(nn.Module):\n    core = nn.LSTM\n"
    (tmp_path / "policy.py").write_text(policy + table)
    (problem,) = check(tmp_path).problems
    assert Path(problem.path).name == "policy.py"
    assert "more than 2 MB" in problem.message


def test_python_2_is_told_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("import os\n\nprint 'hello'\n")
    (problem,) = check(tmp_path).problems
    assert (problem.line, problem.code) == (3, "PF901")
    assert "is not valid Python" in problem.message


@pytest.mark.parametrize("broken", ["policyfix.engine.find", "policyfix.codemod.plan"])
def test_what_fails_inside_is_told_with_the_file_and_the_rest_goes_on(
    agents: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    import importlib

    module, _, name = broken.rpartition(".")
    work = getattr(importlib.import_module(module), name)

    def fail(first: object, *others: object) -> object:
        if "keeper" in str(getattr(first, "path", "")) + str(getattr(others[0], "path", "")):
            raise ZeroDivisionError("oh")
        return work(first, *others)

    monkeypatch.setattr(broken, fail)
    result = check(agents)
    assert result.exit_code == 2
    assert all(p.path == str(agents / "keeper.py") for p in result.problems)
    assert "ZeroDivisionError: oh (please report it)" in result.problems[0].message
    assert {"PF205", "PF501"} <= {f.code for f in result.findings}


def test_a_suppression_in_a_file_that_is_no_python_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = = 1  # policyfix: ignore[PF1O1]\n")
    result = check(tmp_path)
    assert [p.code for p in result.problems] == ["PF901"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_line_ends_change_no_place(agents: Path, encoding: str, newline: str) -> None:
    keeper = agents / "keeper.py"
    before = [(f.code, f.line, f.column, f.end_line, f.end_column) for f in check(keeper).findings]
    head = "# -*- coding: latin-1 -*-\n# é\n" if encoding == "latin-1" else "# é\n# é\n"
    text = (head + keeper.read_text()).replace("\n", newline).replace("    ", "\t")
    keeper.write_bytes(text.encode(encoding))
    after = [(f.code, f.line, f.column, f.end_line, f.end_column) for f in check(keeper).findings]
    assert [(code, line - 2, end - 2) for code, line, _, end, _ in after] == [
        (code, line, end) for code, line, _, end, _ in before
    ]


@pytest.mark.parametrize(
    "text",
    [
        'x = "\\u3042\\u3xxx"\n',  # libcst takes it as it stands; the other it answers by another exception
        'x = "a" b"c"\n',
    ],
)
def test_what_libcst_reads_otherwise_than_python_is_a_problem_and_no_crash(text: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import torch.nn as nn\nx: nn.LSTM\n" + text, encoding="utf-8")
    (tmp_path / "other.py").write_text("x = 1\n", encoding="utf-8")
    result = engine.check([tmp_path], contract.load())
    assert [Path(problem.path).name for problem in result.problems] == ["net.py"]
    assert "is not valid Python" in result.problems[0].message


def test_of_subjects_that_share_a_defect_the_same_has_it_whoever_was_heard_first(agents: Path) -> None:
    heard = [f for f in check(agents).findings if f.code == "PF501"][:1]
    heard += [replace(heard[0], subject=name, message=f"seen from {name}") for name in ("B", "A", "C")]
    bases = {(f.subject_path, f.subject): () for f in heard}
    for order in itertools.permutations(heard):
        settled = engine._settle(order, bases)
        assert [f.subject for f in settled] == ["A"]
