"""The pages under docs/ say what is so."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import click
import pytest
from checkout import ROOT
from click.testing import CliRunner

from policyfix import config
from policyfix.cli import COMMANDS, main
from policyfix.rule import discover
from policyfix.selection import choose, screen
from policyfix.suppressions import read

DOCS = sorted((ROOT / "docs").glob("*.md"))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_setting_is_explained_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \|.*\| (.*?) ?\|$", page("configuration.md"), re.M))
    assert list(rows) == list(config.OPTIONS)
    for key, default in config.as_json(config.Settings()).items():
        if isinstance(default, bool):
            assert rows[key] == f"`{str(default).lower()}`"


def test_the_settings_that_are_shown_are_accepted() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", page("configuration.md"), re.S)
    assert blocks
    for block in blocks:
        settings = config.parse(tomllib.loads(block)["tool"]["policyfix"], Path("pyproject.toml"))
        chosen = {rule.code for rule in choose(settings, discover())}
        assert "PF501" in chosen
        assert "PF503" not in chosen
        assert screen(settings, discover(), is_partial=False).silent


def test_every_format_is_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \|", page("output-formats.md"), re.M) == list(config.FORMATS)


def test_the_suppression_that_is_shown_is_one() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", page("suppressions.md"), re.S)
    (found,) = read(block)
    assert found.covers(1)
    assert found.reason


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.stem)
def test_links_commands_and_options_exist(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\(([\w./-]+\.md)\)", text):
        assert (path.parent / target).is_file(), target
    context = click.Context(main)
    commands = {name: main.get_command(context, name) for name in COMMANDS}
    options = {option for c in commands.values() if c for p in c.params for option in p.opts}
    options.add("--nproc-per-node")  # of torchrun
    for module in re.findall(r"-m policyfix\.(runtime[\w.]*)", text):
        path_of_it = ROOT / module.replace(".", "/")
        source = path_of_it / "__main__.py" if path_of_it.is_dir() else path_of_it.with_suffix(".py")
        options |= set(re.findall(r'"(--[a-z][a-z-]+)"', source.read_text()))
    shown = "\n".join(re.findall(r"^```\n(.*?)^```", text, re.M | re.S))
    named = re.findall(r"`policyfix (\w+)", text) + re.findall(r"^policyfix (\w+)", shown, re.M)
    assert set(named) <= set(commands)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= options


def test_the_migration_that_is_shown_is_what_apply_makes(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "agents", tmp_path / "agents")
    CliRunner().invoke(main, ["apply", "--isolated", str(tmp_path / "agents")])
    (block,) = re.findall(r"```text\n(.*?)```", page("migrating.md"), re.S)
    assert block in (tmp_path / "agents" / "forager.py").read_text()


def test_the_agent_that_is_shown_has_no_finding(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page("policies.md"), re.S)
    (tmp_path / "cue_agent.py").write_text(blocks[0])
    result = CliRunner().invoke(main, ["check", "--no-cache", "--isolated", str(tmp_path)])
    assert result.exit_code == 0, result.output
    explained = CliRunner().invoke(main, ["config", "--explain", str(tmp_path / "cue_agent.py")])
    assert "PolicyClass CueAgent" in explained.output
