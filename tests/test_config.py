"""Settings: where they are found, what they may say, and which rules they select."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest

from policyfix import config, selection
from policyfix.config import ConfigError, Settings
from policyfix.rule import Finding, Rule, discover
from policyfix.subjects import PolicyClass


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_nearest_file_that_speaks_of_us_counts(tmp_path: Path) -> None:
    top = write(tmp_path / "pyproject.toml", "[tool.policyfix]\n")
    write(tmp_path / "a" / "pyproject.toml", "[tool.other]\nname = 'policyfix'\n")
    (tmp_path / "a" / "b").mkdir()
    assert config.find(tmp_path / "a" / "b") == top
    own = write(tmp_path / "a" / "policyfix.toml", "")
    assert config.find(tmp_path / "a" / "b") == own
    write(tmp_path / "a" / "b" / "pyproject.toml", "not toml [")
    assert config.find(tmp_path / "a" / "b") == own


def test_our_own_file_goes_before_the_shared_one(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.policyfix]\nselect = ['PF1']\n")
    own = write(tmp_path / "policyfix.toml", "select = ['PF2']\n")
    assert config.find(tmp_path) == own
    assert config.load(own).select == ("PF2",)


def test_every_option_is_read_under_its_own_name(tmp_path: Path) -> None:
    text = """
        [tool.policyfix]
        select = ["PF1"]
        extend-select = ["PF2"]
        ignore = ["PF106"]
        preview = true
        exclude = ["generated"]
        force-exclude = true
        respect-gitignore = false
        require-reason = true
        contract = "contract.yaml"
        policies = ["agents.Forager"]
        baseline = "known.json"
        output-format = "concise"
        per-file-ignores = { "tests/*" = ["PF2"] }
        severity = { PF101 = "warning" }
    """
    settings = config.load(write(tmp_path / "pyproject.toml", text))
    written = config.as_json(settings)
    assert all(written[key] != value for key, value in config.as_json(Settings()).items())
    assert settings.per_file_ignores == {"tests/*": ("PF2",)}
    assert settings.root == tmp_path
    assert settings.path("known.json") == tmp_path / "known.json"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("selct = ['PF1']", "there is no setting 'selct'; did you mean select?"),
        ("select = 'PF1'", "select: expected a list of strings, found 'PF1'"),
        ("select = ['PF1', 2]", "select[1]: expected a string, found 2"),
        ("preview = 1", "preview: expected true or false, found 1"),
        ("output-format = 'sariff'", "'sariff' is none of rich, concise"),
        ("output-format = 'sariff'", "did you mean sarif?"),
        ("severity = {PF101 = 'warn'}", "severity.'PF101': 'warn' is none of error, warning"),
        ("per-file-ignores = {'a' = 'PF1'}", "per-file-ignores.'a': expected a list of strings"),
        ("per-file-ignores = []", "per-file-ignores: expected a table"),
        ("select = [", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "policyfix.toml", text + "\n")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_the_published_schema_is_the_one_that_the_options_make() -> None:
    shipped = Path(config.__file__).parent / "policyfix.schema.json"
    assert json.loads(shipped.read_text()) == config.schema(), "run: policyfix config --schema > " + str(
        shipped
    )


@pytest.mark.parametrize(
    ("table", "valid"),
    [
        ({}, True),
        ({"select": ["PF1"], "per-file-ignores": {"a": ["PF2"]}, "severity": {"PF1": "error"}}, True),
        ({"selct": []}, False),
        ({"select": "PF1"}, False),
        ({"severity": {"PF1": "bad"}}, False),
        ({"output-format": "yaml"}, False),
        ({"preview": "yes"}, False),
    ],
)
def test_the_schema_and_the_parser_agree(table: dict[str, Any], valid: bool) -> None:
    errors = list(jsonschema.Draft7Validator(config.schema()).iter_errors(table))
    assert (not errors) == valid
    try:
        config.parse(table, Path("policyfix.toml"))
    except ConfigError:
        assert not valid
    else:
        assert valid


class Doubtful(Rule[PolicyClass]):
    """A preview rule."""

    code, name = "PF299", "doubtful-rule"
    preview: ClassVar[bool] = True

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        yield from ()


RULES = (*discover(), Doubtful)
DEFAULT = {rule.code for rule in discover() if not rule.preview}


def chosen(**options: Any) -> set[str]:
    return {rule.code for rule in selection.choose(Settings(**options), RULES)}


def test_all_but_preview_rules_run_unless_something_else_is_said() -> None:
    assert chosen() == DEFAULT
    assert chosen(ignore=("PF101",)) == DEFAULT - {"PF101"}
    assert chosen(ignore=("missing-stamps",)) == DEFAULT - {"PF101"}
    assert chosen(ignore=("ALL",)) == set()
    assert chosen(preview=True) >= DEFAULT | {"PF299"}


def test_codes_prefixes_and_names_select() -> None:
    assert chosen(select=("PF101",)) == chosen(select=("missing-stamps",)) == {"PF101"}
    assert chosen(select=("PF1",)) == {code for code in DEFAULT if code.startswith("PF1")}
    assert chosen(select=("PF101",), extend_select=("PF205",)) == {"PF101", "PF205"}
    assert chosen(select=("ALL",)) == DEFAULT


def test_the_more_exact_selector_decides_and_ignore_of_two_that_are_equal() -> None:
    assert "PF101" in chosen(select=("PF101",), ignore=("PF1",))
    assert "PF101" not in chosen(select=("PF1",), ignore=("PF101",))
    assert "PF101" not in chosen(select=("PF101",), ignore=("PF101",))
    assert "PF201" in chosen(ignore=("PF1",))


def test_a_preview_rule_runs_when_it_is_named_and_not_by_a_prefix() -> None:
    assert "PF299" not in chosen(select=("PF2",))
    assert chosen(select=("PF299",)) == {"PF299"}
    assert "PF299" in chosen(extend_select=("doubtful-rule",))
    assert "PF299" not in chosen(preview=True, ignore=("PF299",))


@pytest.mark.parametrize("key", ["select", "extend_select", "ignore"])
def test_a_selector_that_names_nothing_is_an_error_with_a_hint(key: str) -> None:
    with pytest.raises(ConfigError, match=r"no rule is called PF1O1; did you mean PF101\?"):
        chosen(**{key: ("PF1O1",)})
    with pytest.raises(ConfigError, match="did you mean missing-stamps"):
        chosen(**{key: ("missing-stamp",)})
