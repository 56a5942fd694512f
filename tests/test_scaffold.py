"""The layout of a new rule: complete, in its place, and failing until it is filled in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from checkout import ROOT, script

from policyfix import contract, engine
from policyfix.codemod import Codemod
from policyfix.rule import Rule

ARGUMENTS = ["PF599", "frozen-normaliser", "network", "--probe"]


scaffold = script("tools/scaffold.py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    return tmp_path


def defined(module: ModuleType, base: type) -> type:
    (found,) = (v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__)
    assert issubclass(found, base)
    return found


def test_every_part_is_laid_out_in_its_place(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scaffold.main(ARGUMENTS, tree) == 0
    said = capsys.readouterr().out
    for path in (
        "rules/network/frozen_normaliser.py",
        "codemods/network/frozen_normaliser.py",
        "runtime/checker/probes/pv599_frozen_normaliser.py",
        "tests/rules/network/frozen_normaliser/good_near_miss.py",
        "tests/rules/network/frozen_normaliser/bad_plain.py",
    ):
        text = (tree / path).read_text()
        compile(text, path, "exec")
        assert "TODO" in text
        assert path in said


def test_the_rule_fails_on_its_cases_with_what_is_to_be_done(tree: Path) -> None:
    scaffold.main(ARGUMENTS, tree)
    rule = defined(script(tree / "rules/network/frozen_normaliser.py"), Rule)
    assert (rule.code, rule.name, rule.__name__) == ("PF599", "frozen-normaliser", "FrozenNormaliser")  # type: ignore[attr-defined]
    for case in (tree / "tests/rules/network/frozen_normaliser").iterdir():
        (problem,) = engine.check([case], contract.load(), rules=[rule]).problems
        assert "PF599" in problem.message
        assert "TODO: yield self.finding" in problem.message
    codemod = defined(script(tree / "codemods/network/frozen_normaliser.py"), Codemod)
    assert codemod.answers == ("PF599",)  # type: ignore[attr-defined]


def test_what_is_laid_out_keeps_the_style(tree: Path) -> None:
    scaffold.main(ARGUMENTS, tree)
    shutil.copy(ROOT / "pyproject.toml", tree)
    files = [str(p) for room in ("rules", "codemods", "runtime") for p in (tree / room).rglob("*frozen*.py")]
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, *files]
        done = subprocess.run(ruff, cwd=tree, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["PF599", "frozen-normaliser", "nets"], "there is no family nets: it is one of config, memory"),
        (["PF299", "frozen-normaliser", "network"], "PF299 is no code of network: those are PF5"),
        (["PF599", "Frozen", "network"], "Frozen is no name"),
        (["PF101", "frozen-normaliser", "tensordict"], "missing_stamps.py has that code or name already"),
        (
            ["PF599", "overwritten-sentinel", "network"],
            "overwritten_sentinel.py has that code or name already",
        ),
    ],
)
def test_a_wrong_code_name_or_family_is_refused(
    tree: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        scaffold.main(arguments, tree)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
    assert not list(tree.rglob("*frozen*"))


def test_nothing_is_overwritten(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = tree / "tests/rules/network/frozen_normaliser/bad_plain.py"
    case.parent.mkdir(parents=True)
    case.write_text("mine = 1\n")
    with pytest.raises(SystemExit):
        scaffold.main(ARGUMENTS, tree)
    assert case.read_text() == "mine = 1\n"
    assert "exists already" in capsys.readouterr().err
