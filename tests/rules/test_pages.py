"""Every rule is named, documented and placed by the same pattern."""

import ast
import re
from pathlib import Path

import pytest

from policyfix import rule
from policyfix.rule import Severity

RULES = rule.discover()
SECTIONS = ["What it does", "Why it matters", "Example", "Use instead", "Fix safety", "Source"]
FAMILIES = {
    "1": "tensordict",
    "2": "memory",
    "3": "weights",
    "4": "config",
    "5": "network",
    "6": "trainer",
    "7": "performance",
    "9": "tool",
}

each_rule = pytest.mark.parametrize("each", RULES, ids=lambda r: r.code)


def test_codes_and_names_are_unique() -> None:
    assert len(RULES) >= 9
    assert len({r.code for r in RULES}) == len({r.name for r in RULES}) == len(RULES)


@each_rule
def test_code_name_and_place_agree(each: type[rule.Rule[object]]) -> None:
    assert re.fullmatch(r"PF\d{3}", each.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", each.name)
    assert isinstance(each.severity, Severity)
    family, _, file = each.__module__.removeprefix("policyfix.rules.").partition(".")
    assert file == each.name.replace("-", "_")
    assert each.__name__ == each.name.title().replace("-", "")
    assert family == FAMILIES[each.code[2]]


@each_rule
def test_the_page_keeps_the_skeleton(each: type[rule.Rule[object]]) -> None:
    page = each.page()
    assert re.findall(r"^## (.+)$", page, re.M) == SECTIONS
    assert each.summary().endswith(".")
    assert len(each.summary()) <= 110
    for section in re.split(r"^## .+$", page, flags=re.M)[1:]:
        assert section.strip()


@each_rule
def test_the_examples_of_the_page_are_python(each: type[rule.Rule[object]]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", each.page(), re.M | re.S)
    assert len(blocks) >= 2
    for block in blocks:
        ast.parse(block)
    assert len(set(blocks)) == len(blocks)


@each_rule
def test_the_page_says_what_the_fix_changes(each: type[rule.Rule[object]]) -> None:
    safety = each.page().partition("## Fix safety")[2].partition("##")[0].strip()
    assert safety.startswith(("Safe", "Unsafe", "None"))


@each_rule
def test_nothing_of_the_layout_is_left_to_be_written(each: type[rule.Rule[object]]) -> None:
    place = each.__module__.removeprefix("policyfix.rules.").replace(".", "/")
    root = Path(__file__).parents[2]
    parts = [root / "rules" / f"{place}.py", root / "codemods" / f"{place}.py"]
    parts += (root / "tests" / "rules" / place).rglob("*.py")
    parts += (root / "runtime" / "checker" / "probes").glob(f"pv{each.code[2:]}_*.py")
    assert [p for p in parts if p.exists() and "TODO" in p.read_text()] == []


def test_every_rule_file_has_its_cases() -> None:
    here = Path(__file__).parent
    folders = {str(p.relative_to(here)) for p in here.glob("*/*") if any(p.glob("bad_*"))}
    assert folders == {r.__module__.removeprefix("policyfix.rules.").replace(".", "/") for r in RULES}
