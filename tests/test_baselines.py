"""Known findings: what is hidden, what is still said, and that a baseline only shrinks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from policyfix import baselines
from policyfix.cli import main
from policyfix.config import ConfigError

AGENTS = Path(__file__).parents[1] / "examples" / "agents"
SETTINGS = 'select = ["PF101", "PF201", "PF503"]\n'  # so that new rules leave the counts alone


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("policyfix.toml").write_text(SETTINGS)
    return Path(shutil.copytree(AGENTS, tmp_path / "agents")).relative_to(tmp_path)


def policyfix(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def codes(*arguments: str) -> set[str]:
    document = json.loads(policyfix("check", *arguments, "--output-format", "json").stdout)
    return {finding["code"] for finding in document["findings"]}


def counts(file: str = "policyfix-baseline.json") -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = json.loads(Path(file).read_text())["findings"]
    return found


def use(agents: Path, old: str, new: str, name: str = "keeper.py") -> None:
    path = agents / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_is_written_down_is_not_reported(agents: Path) -> None:
    assert policyfix("check", "agents").exit_code == 1
    assert policyfix("baseline", "agents").exit_code == 0
    assert counts()["agents/keeper.py"]["Keeper.forward"] == {"PF101": 1, "PF201": 1}
    result = policyfix("check", "agents", "--baseline", "policyfix-baseline.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "No new defects" in result.stdout


def test_the_settings_name_it_and_it_may_be_left_out(agents: Path) -> None:
    Path("policyfix.toml").write_text(SETTINGS + 'baseline = "known.json"\n')
    assert policyfix("baseline", "agents").exit_code == 0
    assert policyfix("check", "agents").exit_code == 0
    assert policyfix("check", "agents", "--no-baseline").exit_code == 1
    assert policyfix("check", "agents", "--isolated").exit_code == 1


def test_moved_lines_change_nothing_and_new_findings_are_reported(agents: Path) -> None:
    policyfix("baseline", "agents")
    use(agents, '"""', '"""Moved\n\nby two lines. ')
    assert codes("agents", "--baseline", "policyfix-baseline.json") == set()
    (agents / "more.py").write_text((agents / "keeper.py").read_text())
    assert codes("agents", "--baseline", "policyfix-baseline.json") == {"PF101", "PF201"}


def test_one_more_of_a_kind_in_a_symbol_shows_them_all(agents: Path) -> None:
    policyfix("baseline", "agents")
    line = "        out, (self._h, self._c) = self.lstm(x, state)\n"
    use(agents, line, line + line.replace("state)", "(self._h, self._c))"))
    document = json.loads(
        policyfix(
            "check", "agents", "--baseline", "policyfix-baseline.json", "--output-format", "json"
        ).stdout
    )
    assert [f["code"] for f in document["findings"]] == ["PF201", "PF201"]
    assert document["summary"]["known"] > 0


def test_it_shrinks_with_what_is_mended_and_never_grows_by_itself(agents: Path) -> None:
    policyfix("baseline", "agents")
    before = counts()
    policyfix("apply", "agents/keeper.py")
    stale = policyfix("check", "agents", "--baseline", "policyfix-baseline.json")
    assert stale.exit_code == 0
    assert "agents/keeper.py: PF201 in Keeper.forward: 1 known, 0 found" in stale.stderr
    (agents / "more.py").write_text((AGENTS / "keeper.py").read_text())
    result = policyfix("baseline", "agents")
    assert result.exit_code == 1
    assert "new: agents/more.py" in result.stderr
    assert counts() == {file: symbols for file, symbols in before.items() if file != "agents/keeper.py"}
    assert policyfix("baseline", "agents", "--add").exit_code == 0
    assert counts()["agents/more.py"] == before["agents/keeper.py"]


def test_what_was_not_checked_is_neither_stale_nor_dropped(agents: Path) -> None:
    policyfix("baseline", "agents")
    before = counts()
    for arguments in (["agents/healthy.py"], ["agents/forager.py"], ["agents", "--select", "PF503"]):
        assert policyfix("check", *arguments, "--baseline", "policyfix-baseline.json").stderr == ""
        assert policyfix("baseline", *arguments).exit_code == 0
        assert counts() == before


def test_a_file_that_is_gone_is_stale(agents: Path) -> None:
    policyfix("baseline", "agents")
    (agents / "keeper.py").unlink()
    assert "keeper.py: PF101" in policyfix("check", "agents", "--baseline", "policyfix-baseline.json").stderr
    policyfix("baseline", "agents")
    assert "agents/keeper.py" not in counts()


def test_nothing_is_written_where_a_file_cannot_be_read(agents: Path) -> None:
    (agents / "broken.py").write_text("def broken(:\n")
    result = policyfix("baseline", "agents")
    assert result.exit_code == 2
    assert "broken.py" in result.stderr
    assert not Path("policyfix-baseline.json").exists()


def test_paths_start_from_the_baseline_and_not_from_the_current_folder(
    agents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policyfix("baseline", "agents")
    monkeypatch.chdir(agents)
    assert codes(".", "--baseline", "../policyfix-baseline.json") == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "cannot be read"), ("[]", "not a baseline"), ('{"version": 2, "findings": {}}', "version 2")],
)
def test_a_file_that_is_no_baseline_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        baselines.read(path)
    assert str(path) in str(caught.value)
    assert policyfix("check", str(tmp_path), "--baseline", str(path)).exit_code == 2
