"""The hooks as pre-commit runs them: installed from this tree, in an environment of their own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from checkout import ROOT, copy_checkout

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="pre-commit needs git")


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository whose pre-commit configuration names the hooks of this tree."""

    path: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True)

    def stage(self, **files: str) -> None:
        for name, text in files.items():
            (self.path / f"{name}.py").write_text(text)
        assert self.run("git", "add", "--all").returncode == 0

    def hook(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pre_commit", "run", name, "--verbose", *options)


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, str]]:
    """This tree as a git repository with one commit, its revision, and the environment to run git in."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))},
        "PRE_COMMIT_HOME": str(home),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{role}_{field}": "t@example.org"
            for role in ("AUTHOR", "COMMITTER")
            for field in ("NAME", "EMAIL")
        },
    }
    tree = copy_checkout(home / "policyfix")
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "tree"]):
        subprocess.run(["git", *command], cwd=tree, env=environment, check=True)
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tree, env=environment, check=True, capture_output=True, text=True
    )
    return tree, revision.stdout.strip(), environment


@pytest.fixture
def repository(hooks: tuple[Path, str, dict[str, str]], tmp_path: Path) -> Repository:
    tree, revision, environment = hooks
    repository = Repository(tmp_path / "project", environment)
    repository.path.mkdir()
    assert repository.run("git", "init", "--quiet").returncode == 0
    identities = [{"id": "policyfix-check"}, {"id": "policyfix-apply"}]
    config = {"repos": [{"repo": str(tree), "rev": revision, "hooks": identities}]}
    (repository.path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    repository.stage()
    assert repository.run("git", "commit", "--quiet", "--message", "start").returncode == 0
    return repository


@pytest.fixture(scope="module")
def broken() -> dict[str, str]:
    agents = ROOT / "examples" / "agents"
    return {name: (agents / f"{name}.py").read_text() for name in ("__init__", "forager", "wrapper")}


@pytest.fixture(scope="module")
def clean() -> dict[str, str]:
    agents = ROOT / "examples" / "agents"
    return {name: (agents / f"{name}.py").read_text() for name in ("__init__", "healthy", "inventory")}


def test_check_fails_on_a_staged_broken_agent_and_names_the_finding(
    repository: Repository, broken: dict[str, str]
) -> None:
    repository.stage(**broken)
    done = repository.hook("policyfix-check")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "exit code: 1" in done.stdout
    for expected in ("forager.py", "PF101", "PF205"):
        assert expected in done.stdout
    assert "files were modified" not in done.stdout


def test_check_passes_on_a_clean_agent(repository: Repository, clean: dict[str, str]) -> None:
    repository.stage(**clean)
    done = repository.hook("policyfix-check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout  # not "Skipped": the hook did see the files


def test_check_looks_at_staged_files_only(repository: Repository, broken: dict[str, str]) -> None:
    repository.stage(**broken)
    assert repository.run("git", "commit", "--quiet", "--no-verify", "--message", "old sins").returncode == 0
    repository.stage(innocent="answer = 42\n")
    done = repository.hook("policyfix-check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_a_staged_agent_is_linked_to_a_base_that_is_not_staged(
    repository: Repository, broken: dict[str, str]
) -> None:
    base = {name: text for name, text in broken.items() if name != "forager"}
    repository.stage(**base)
    assert repository.run("git", "commit", "--quiet", "--no-verify", "--message", "the base").returncode == 0
    repository.stage(forager=broken["forager"])
    done = repository.hook("policyfix-check")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "PF205" in done.stdout  # the LSTM whose state is dropped stands in wrapper.py


def test_a_file_that_does_not_parse_fails_the_hook(repository: Repository) -> None:
    repository.stage(broken="def forward(self:\n")
    done = repository.hook("policyfix-check")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "broken.py" in done.stdout


def test_all_files_go_into_one_invocation(repository: Repository, broken: dict[str, str]) -> None:
    # Many files on many cores: without require_serial pre-commit splits them, and a class
    # is then cut off from its base in another file. `Forager` is only known through `wrapper.py`.
    names = [f"filler_{number}" for number in range(60)]
    repository.stage(**broken, **dict.fromkeys(names, "answer = 42\n"))
    config = repository.path / ".pre-commit-config.yaml"
    config.write_text(
        config.read_text().replace(
            "- id: policyfix-check", "- args: [--output-format, json]\n    id: policyfix-check"
        )
    )
    repository.stage()
    done = repository.hook("policyfix-check", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count('"summary"') == 1, done.stdout


def test_apply_mends_the_staged_file_and_stops_the_commit(
    repository: Repository, broken: dict[str, str]
) -> None:
    repository.stage(**broken)
    first = repository.hook("policyfix-apply")
    assert first.returncode == 1, first.stdout + first.stderr
    assert "files were modified by this hook" in first.stdout
    mended = (repository.path / "forager.py").read_text()
    assert "RecurrentPolicy" in mended
    compile(mended, "forager.py", "exec")

    repository.stage()
    second = repository.hook("policyfix-apply")
    assert second.returncode == 0, second.stdout + second.stderr
    assert (repository.path / "forager.py").read_text() == mended
    check = repository.hook("policyfix-check")
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_hooks_ask_for_one_process_and_python_files() -> None:
    declared = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in declared] == ["policyfix-check", "policyfix-apply"]
    for hook in declared:
        assert hook["require_serial"] is True
        assert hook["types_or"] == ["python", "pyi"]
        command = hook["id"].removeprefix("policyfix-")
        assert hook["entry"].split() == ["policyfix", command, "--force-exclude"]
