"""Every rule on its cases: `good_*` near-misses are silent, `bad_*` report the marked lines and no others.

A case is a file, or a folder of files that import one another. A line that a rule must report carries
`# expect: PF101` (several codes may stand there). Files in a case's folder `elsewhere/` can be imported, but
are not among the files that are checked. Cases are read, never run.
"""

import re
from pathlib import Path

import pytest

from policyfix import contract, rule, sources
from policyfix.engine import check

HERE = Path(__file__).parent
RULES = {r.__module__.removeprefix("policyfix.rules."): r for r in rule.discover()}
MARK = re.compile(r"#\s*expect:\s*((?:PF\d{3}[\s,]*)+)")


def folder_of(module: str) -> Path:
    return HERE.joinpath(*module.split("."))


def cases() -> list[tuple[str, Path]]:
    return [
        (module, case)
        for module in sorted(RULES)
        for case in sorted(folder_of(module).iterdir())
        if case.name.startswith(("good_", "bad_"))
    ]


def checked_files(case: Path) -> list[Path]:
    if case.is_file():
        return [case]
    return [
        p
        for p in sorted(case.rglob("*"))
        if p.suffix in (".py", ".yaml", ".yml") and "elsewhere" not in p.relative_to(case).parts
    ]


def marks(files: list[Path], code: str) -> set[tuple[str, int]]:
    return {
        (str(path), number)
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := MARK.search(line)) and code in found[1]
    }


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other cases are no part of a case's project."""
    monkeypatch.setattr(sources, "around", lambda paths, walk: ([], []))


@pytest.mark.parametrize(("module", "case"), [pytest.param(m, c, id=f"{m}-{c.stem}") for m, c in cases()])
def test_case(module: str, case: Path) -> None:
    code = RULES[module].code
    files = checked_files(case)
    expected = marks(files, code)
    assert bool(expected) == case.name.startswith("bad_"), "bad cases mark a line, good ones none"
    result = check(files, contract.load())
    assert result.problems == []
    assert {(f.path, f.line) for f in result.findings if f.code == code} == expected
    found = [(f.path, f.line) for f in result.findings if f.code == code]
    assert len(found) == len(expected), "a defect is reported once"


@pytest.mark.parametrize("module", sorted(RULES))
def test_every_rule_has_near_misses_and_defects(module: str) -> None:
    names = [case.name for case in folder_of(module).iterdir()]
    assert sum(name.startswith("good_") for name in names) >= 8
    assert sum(name.startswith("bad_") for name in names) >= 5
