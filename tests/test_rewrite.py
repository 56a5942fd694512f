"""From findings to files: which plans are made, what is told of them, and all files or none on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from checkout import ROOT
from classic_agents import MIGRATED, REFUSED

from policyfix import codemod, contract, engine, rewrite, sources
from policyfix.codemod import Codemod, Plan
from policyfix.edits import Edit, Refusal, SourceTree
from policyfix.rewrite import Change, RewriteError
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass

GIT = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
AUTHOR = ["-c", "user.name=t", "-c", "user.email=t@example.org"]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *AUTHOR, *arguments]
    done = subprocess.run(command, cwd=folder, env=GIT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `agents` with one agent, under the current one."""
    folder = tmp_path / "agents"
    folder.mkdir()
    for name, text in MIGRATED["without the action type"].items():
        (folder / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return folder


def pair(folder: Path) -> list[Change]:
    """Two files on disk, and their changes."""
    changes = []
    for name in ("one.py", "two.py"):
        path = folder / name
        path.write_bytes(b"x = 1\r\n")
        changes.append(Change(str(path), b"x = 1\r\n", b"x = 2\r\n"))
    return changes


# ------------------------------------------------------------------------------------------- what was done


def test_every_finding_that_went_is_told_with_what_was_really_done(agents: Path) -> None:
    outcome = rewrite.rewrite([Path("agents")], contract.load())
    (fixed,) = outcome.fixed
    assert fixed.path == "agents/agent.py"
    assert fixed.title == "migrate Agent to policyfix.runtime.RecurrentPolicy"
    assert fixed.codes == ["PF101", "PF202", "PF205", "PF206", "PF301", "PF401", "PF503", "PF702"]
    assert outcome.mended == {(str(agents / "agent.py"), "Agent"): fixed.codes}
    assert [change.path for change in outcome.changes] == ["agents/agent.py"]
    assert (agents / "agent.py").read_text() == MIGRATED["without the action type"]["agent.py"]


def test_what_no_fix_speaks_of_is_told_apart(agents: Path) -> None:
    case = ROOT / "tests/rules/memory/core_depth_mismatch/bad_twin_of_a_config"
    (agents / "agent.yaml").write_text((case / "swift_forager.yaml").read_text())
    (agents / "mapper.py").write_text('from .agent import Agent\n\nagents = {"agent": Agent}\n')
    outcome = rewrite.rewrite([Path("agents")], contract.load())
    assert [(f.path, f.code) for f in outcome.gone] == [("agents/agent.yaml", "PF209")]
    assert {fixed.path: "PF209" in fixed.codes for fixed in outcome.fixed} == {"agents/agent.py": False}


def test_a_mended_factory_is_no_class_to_be_verified(tmp_path: Path) -> None:
    case = ROOT / "tests/rules/config/factory_drops_config/bad_keywords_without_them"
    shutil.copytree(case, tmp_path, dirs_exist_ok=True)
    outcome = rewrite.rewrite([tmp_path], contract.load())
    assert any("PF403" in fixed.codes for fixed in outcome.fixed)
    assert {name for _, name in outcome.mended} == {"Fast"}


def test_a_finding_that_takes_two_passes_is_told_once(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "tests/rules/tensordict/misplaced_stamps/bad_helper_called_too_early",
        tmp_path,
        dirs_exist_ok=True,
    )
    told = [
        f.codes for f in rewrite.rewrite([tmp_path], contract.load()).fixed if f.path.endswith("stamps.py")
    ]
    assert ["PF102"] in told
    assert all(told)


def test_a_class_that_was_mended_in_place_is_not_told_that_it_owns_what_the_fix_gave_it(
    tmp_path: Path,
) -> None:
    files, _ = REFUSED["temperature"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    rewrite.write(rewrite.rewrite([tmp_path], contract.load()).changes)
    result = engine.check([tmp_path], contract.load())
    (left,) = (f for f in result.findings if f.code == "PF206")
    path = Path(left.path).absolute()
    migration = next(c for c in codemod.discover() if type(c).__name__ == "MigrateToRecurrentPolicy")
    policy = result.subjects[(left.subject_path, left.subject)]
    outcome = migration.plan(left, policy, SourceTree(sources.read(path)))
    assert isinstance(outcome, Refusal)
    assert "in a StateStore: it was mended where it stands" in outcome.reason


def test_the_deletion_that_makes_a_copy_needless_is_told_for_both(agents: Path) -> None:
    net = (agents / "net.py").read_text()
    net = net.replace(
        "        flat = observations",
        "        observations[observations == 255] = 0\n        valid = observations != 255\n"
        "        flat = valid * observations",
    )
    (agents / "net.py").write_text(net)
    outcome = rewrite.rewrite([Path("agents")], contract.load())
    told = {fixed.title: fixed.codes for fixed in outcome.fixed if fixed.path == "agents/net.py"}
    assert told == {"do not overwrite the padding": ["PF106", "PF501"]}
    after = next(c.after.decode() for c in outcome.changes if c.path == "agents/net.py")
    assert "clone" not in after
    assert "= 0\n" not in after


def test_unsafe_fixes_wait_to_be_asked_for(tmp_path: Path) -> None:
    files, _ = REFUSED["temperature"]
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace("return kind + self", "return self"))
    safe = rewrite.rewrite([tmp_path], contract.load())
    assert [f.code for f in safe.left.findings] == ["PF206", "PF503"]
    unsafe = rewrite.rewrite([tmp_path], contract.load(), unsafe=True)
    assert unsafe.left.findings == []
    after = unsafe.changes[0].after.decode()
    assert "return kind + self.cum_action_max_params[kind] + argument" in after


class Answer(Codemod):
    """A codemod that does what it is told to."""

    answers = ("PF301",)

    def __init__(self, *edits: Edit, priority: int = 10, title: str = "told so") -> None:
        self._edits = edits
        self.priority = priority  # type: ignore[misc]
        self._title = title

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        return self.fix(self._title, self._edits) if self._edits else Refusal("no edits")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Codemod]:
    """The codemods there are: those that a test puts in."""
    codemods: list[Codemod] = []
    monkeypatch.setattr(codemod, "discover", lambda: tuple(codemods))
    return codemods


def test_a_fix_that_leaves_no_python_is_refused(agents: Path, told: list[Codemod]) -> None:
    told.append(Answer(Edit(0, 0, "def (:\n")))
    with pytest.raises(RewriteError, match=r"agent.py: a fix would leave line \d no valid Python"):
        rewrite.rewrite([agents], contract.load())


def test_a_fix_that_brings_in_a_finding_is_refused(agents: Path, told: list[Codemod]) -> None:
    text = (agents / "agent.py").read_text()
    again = text[text.index("class Agent") :].replace("class Agent", "class Another")
    told.append(Answer(Edit(len(text), len(text), again)))
    with pytest.raises(
        RewriteError, match=r"something new, so nothing is written: .*Another has no clip_weights"
    ):
        rewrite.rewrite([agents], contract.load())


def test_fixes_that_never_settle_are_refused(agents: Path, told: list[Codemod]) -> None:
    told.append(Answer(Edit(0, 0, "# once more\n")))
    with pytest.raises(RewriteError, match="do not settle"):
        rewrite.rewrite([agents], contract.load())


def test_a_text_that_the_encoding_of_the_file_cannot_hold_is_refused(agents: Path) -> None:
    agent = agents / "agent.py"
    agent.write_bytes(
        b"# coding: ascii\n" + agent.read_bytes().replace(b"log_probs = F.log", b"log_probs = 2 * F.log")
    )
    with pytest.raises(RewriteError, match="does not fit into its encoding ascii"):
        rewrite.rewrite([agents], contract.load())


def test_reasons_of_all_codemods_are_given_in_the_order_in_which_they_are_asked(told: list[Codemod]) -> None:
    finding = next(iter(_findings()))
    policy, tree = object(), object()
    told += [Answer(), Answer()]
    outcome = codemod.plan(finding, policy, tree)  # type: ignore[arg-type]
    assert outcome == Refusal("no edits; no edits")
    told.append(Answer(Edit(0, 0, "x")))
    assert isinstance(codemod.plan(finding, policy, tree), Plan)  # type: ignore[arg-type]
    assert codemod.plan(replace(finding, code="PF999"), policy, tree) == Refusal("no fix exists for PF999")  # type: ignore[arg-type]


def _findings() -> Iterator[Finding]:
    from policyfix.rule import Severity

    yield Finding("a.py", 1, 1, "PF301", "n", Severity.ERROR, "m", 1, 2, "A", "A", "a.py")


def test_codemods_are_found_and_the_migration_is_asked_first() -> None:
    found = codemod.discover()
    assert {"PF101", "PF106", "PF201", "PF202", "PF205", "PF301", "PF401", "PF501", "PF503"} <= {
        code for each in found for code in each.answers
    }
    assert type(found[0]).__name__ == "MigrateToRecurrentPolicy"


# -------------------------------------------------------------------------------------------------- diffs


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_git_and_patch_read_the_diff(agents: Path, end: str) -> None:
    agent = agents / "agent.py"
    text = agent.read_text() + "# caf\xe9\f # end"
    agent.write_bytes(b"# coding: latin-1\n" + (text.replace("\n", end or "\n") + end).encode("latin-1"))
    before = agent.read_bytes()
    outcome = rewrite.rewrite([Path("agents")], contract.load())
    patch = b"".join(change.diff() for change in outcome.changes)
    assert patch.startswith(b"--- a/agents/agent.py\n+++ b/agents/agent.py\n@@ ")
    for command in (["git", "apply", "-p1"], ["patch", "-p1", "--binary", "--quiet"]):
        agent.write_bytes(before)
        subprocess.run(command, cwd=agents.parent, input=patch, env=GIT, check=True)
        assert agent.read_bytes() == outcome.changes[0].after


def test_the_diff_of_a_last_line_says_that_it_has_no_newline() -> None:
    diff = Change("a b.py", b"x\ny", b"x\nz").diff()
    assert diff == (
        b"--- a/a b.py\t\n+++ b/a b.py\t\n@@ -1,2 +1,2 @@\n x\n-y\n\\ No newline at end of file\n"
        b"+z\n\\ No newline at end of file\n"
    )


def test_the_diff_of_an_absolute_path_has_one_slash_after_its_prefix() -> None:
    assert Change("/x/a.py", b"1\n", b"2\n").diff().startswith(b"--- a/x/a.py\n+++ b/x/a.py\n")


# ------------------------------------------------------------------------------------------------- on disk


def test_all_files_are_written_with_their_permissions(tmp_path: Path) -> None:
    changes = pair(tmp_path)
    os.chmod(changes[0].path, 0o750)
    rewrite.write(changes)
    assert [Path(c.path).read_bytes() for c in changes] == [b"x = 2\r\n"] * 2
    assert os.stat(changes[0].path).st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["one.py", "two.py"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device", "two.py"), KeyboardInterrupt()])
def test_a_failure_half_way_leaves_every_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    changes = pair(tmp_path)
    move, moves = os.replace, []

    def failing(source: Path, target: Path) -> None:
        moves.append(target)
        if len(moves) == 2:
            raise error
        move(source, target)

    monkeypatch.setattr(os, "replace", failing)
    expected = RewriteError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        rewrite.write(changes)
    assert [Path(c.path).read_bytes() for c in changes] == [b"x = 1\r\n"] * 2
    assert sorted(os.listdir(tmp_path)) == ["one.py", "two.py"]


def test_a_failure_while_staging_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = pair(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device", "one.py")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        RewriteError, match=r"cannot write one.py: No space left on device; nothing is changed"
    ):
        rewrite.write(changes)
    assert sorted(os.listdir(tmp_path)) == ["one.py", "two.py"]
    assert Path(changes[0].path).read_bytes() == b"x = 1\r\n"


def test_a_file_that_changed_meanwhile_stops_all(tmp_path: Path) -> None:
    changes = pair(tmp_path)
    Path(changes[1].path).write_bytes(b"somebody else")
    with pytest.raises(RewriteError, match=r"two.py has changed meanwhile: nothing is written"):
        rewrite.write(changes)
    assert Path(changes[0].path).read_bytes() == b"x = 1\r\n"
    assert sorted(os.listdir(tmp_path)) == ["one.py", "two.py"]


def test_a_symbolic_link_stays_one_and_its_target_is_written(tmp_path: Path) -> None:
    (change, _) = pair(tmp_path)
    link = tmp_path / "link.py"
    link.symlink_to("one.py")
    rewrite.write([Change(str(link), change.before, change.after)])
    assert link.is_symlink()
    assert (tmp_path / "one.py").read_bytes() == b"x = 2\r\n"


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_kill_leaves_each_file_old_or_new(tmp_path: Path, dies_at: int) -> None:
    changes = pair(tmp_path)
    script = (
        "import os, signal\n"
        "from policyfix.rewrite import Change, write\n"
        "move, moves = os.replace, []\n"
        "def dying(source, target):\n"
        "    moves.append(target)\n"
        f"    if len(moves) == {dies_at}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    move(source, target)\n"
        "os.replace = dying\n"
        f"paths = {[c.path for c in changes]!r}\n"
        f"write([Change(path, {changes[0].before!r}, {changes[0].after!r}) for path in paths])\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    contents = [Path(c.path).read_bytes() for c in changes]
    assert contents == [b"x = 2\r\n"] * (dies_at - 1) + [b"x = 1\r\n"] * (3 - dies_at)


def test_what_is_put_back_is_what_was_there_and_what_others_wrote_stays(tmp_path: Path) -> None:
    changes = pair(tmp_path)
    rewrite.write(changes)
    Path(changes[1].path).write_bytes(b"edited by hand")
    assert rewrite.put_back(changes) == [changes[1].path]
    assert Path(changes[0].path).read_bytes() == b"x = 1\r\n"
    assert Path(changes[1].path).read_bytes() == b"edited by hand"


# ---------------------------------------------------------------------------------------------------- git


def test_what_git_could_not_bring_back_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    for name in ("clean.py", "edited.py", "staged.py", "staged_and_edited.py"):
        (tmp_path / name).write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "start")
    for name in ("staged.py", "staged_and_edited.py", "new_and_staged.py", "new[1].py", "ignored.py"):
        (tmp_path / name).write_text("x = 2\n")
    git(tmp_path, "add", "staged.py", "staged_and_edited.py", "new_and_staged.py")
    for name in ("edited.py", "staged_and_edited.py"):
        (tmp_path / name).write_text("x = 3\n")
    (tmp_path / "link.py").symlink_to("edited.py")
    asked = [n for n in sorted(os.listdir(tmp_path)) if n.endswith(".py")]
    lost = [Path(p).name for p in rewrite.uncommitted(str(tmp_path / name) for name in asked)]
    assert lost == ["edited.py", "ignored.py", "link.py", "new[1].py", "staged_and_edited.py"]


def test_without_git_nothing_is_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (change, _) = pair(tmp_path)
    assert rewrite.uncommitted([change.path]) == []
    git(tmp_path, "init", "--quiet")
    assert rewrite.uncommitted([change.path]) == [change.path]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rewrite.uncommitted([change.path]) == []
