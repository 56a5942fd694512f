"""A warm run says what a cold one says, whatever happened in between, and reads nothing where nothing did."""

import errno
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from policyfix import contract, engine
from policyfix.cache import Cache, digest, stat
from policyfix.cli import main

BASE = """\
from tensordict import TensorDict
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self.state = None

    def forward(self, td: TensorDict):
        out, state = self.lstm(td["env_obs"].view(1, -1, 8), self.state)
        self.state = tuple(s.detach() for s in state)
        td["values"] = out
        return td
"""


NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self.state = None

    def forward(self, x):
        out, self.state = self.lstm(x, self.state)
        return out
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "base.py").write_text(BASE)
    (folder / "sub.py").write_text("from base import Base\n\n\nclass Sub(Base):\n    pass\n")
    (folder / "other.py").write_text("x = 1\n")
    for file in folder.iterdir():
        settle(file)
    return folder


def settle(file: Path) -> None:
    """Waits until a file counts as one that is not being written any more."""
    while time.time() - file.stat().st_ctime < 0.25:
        time.sleep(0.05)


def run(folder: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "policyfix", "check", "--output-format", "concise", *options, "."],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def modules_of(folder: Path, path: str = ".") -> set[str]:
    """The modules that a run loads."""
    script = (
        "import sys\nfrom policyfix.cli import main\n"
        f"try:\n    main(['check', {path!r}])\n"
        "except SystemExit:\n    print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    return set(done.stderr.split())


def test_a_warm_run_says_the_same_and_loads_next_to_nothing(tree: Path) -> None:
    cold = run(tree)
    assert cold[0] == 1
    assert "PF301" in cold[1]
    assert run(tree) == cold
    assert run(tree, "--no-cache") == cold
    loaded = modules_of(tree)
    heavy = {"libcst", "rich", "yaml", "policyfix.flow.run", "policyfix.rule", "policyfix.engine"}
    assert not loaded & heavy, loaded & heavy


def test_one_file_needs_neither_yaml_nor_libcst_once_the_contract_is_known(tree: Path) -> None:
    assert "yaml.loader" in modules_of(tree, "sub.py")
    loaded = modules_of(tree, "sub.py")
    assert "policyfix.engine" in loaded
    assert not loaded & {"libcst", "rich", "yaml.loader"}


def test_a_changed_base_changes_what_is_said_of_its_subclass(tree: Path) -> None:
    before = run(tree)
    (tree / "base.py").write_text(BASE.replace('td["values"] = out', "td['values'] = out\n        pass"))
    settle(tree / "base.py")
    assert run(tree) == run(tree, "--no-cache")
    (tree / "base.py").write_text("class Base: pass\n")
    settle(tree / "base.py")
    assert run(tree) == (0, "No defects in 3 files.\n")
    (tree / "base.py").write_text(BASE)
    settle(tree / "base.py")
    assert run(tree) == before


def test_a_file_that_no_finding_rests_on_may_change(tree: Path) -> None:
    before = run(tree)
    other = tree / "other.py"
    for text in ("x = 2\n", "def f():\n    return 1\n"):
        other.write_text(text)
        settle(other)
        assert "policyfix.engine" not in modules_of(tree)
        assert run(tree) == before
    for text in ("def f(:\n", "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n", "x = 3\n"):
        other.write_text(text)
        settle(other)
        assert run(tree) == run(tree, "--no-cache")
    (tree / "base.py").write_text(BASE + "\n")
    settle(tree / "base.py")
    assert "policyfix.engine" in modules_of(tree)


def test_a_file_that_comes_to_say_what_a_rule_asked_for_is_heard(tree: Path) -> None:
    (tree / "base.py").write_text(NET)
    settle(tree / "base.py")
    assert "PF201" in run(tree)[1]
    for text, is_told in (("policy.state = None\n", False), ("x = 1\n", True), ("y = policy.state\n", True)):
        (tree / "other.py").write_text(text)
        settle(tree / "other.py")
        for _ in range(2):
            assert ("PF201" in run(tree)[1]) is is_told
        assert run(tree) == run(tree, "--no-cache")


def test_files_that_come_and_go_are_noticed(tree: Path) -> None:
    before = run(tree)
    (tree / "base.py").rename(tree / "elsewhere.txt")
    assert run(tree) == (0, "No defects in 2 files.\n")
    (tree / "elsewhere.txt").rename(tree / "base.py")
    assert run(tree) == before
    (tree / "broken.py").write_text("def f(:\n")
    settle(tree / "broken.py")
    assert run(tree)[0] == 2
    assert run(tree)[0] == 2


def test_a_base_beyond_the_checked_folder_is_watched(tree: Path) -> None:
    inner = tree / "inner"
    inner.mkdir()
    (tree / "sub.py").rename(inner / "sub.py")
    settle(inner / "sub.py")
    before = run(inner)
    assert before[0] == 1
    assert run(inner) == before
    (tree / "base.py").rename(tree / "elsewhere.txt")
    assert run(inner) == (0, "No defects in 1 file.\n")
    (tree / "elsewhere.txt").rename(tree / "base.py")
    assert run(inner) == before


def test_a_base_beside_the_checked_folder_is_watched(tree: Path) -> None:
    (tree / ".git").mkdir()
    agents, library = tree / "agents", tree / "lib" / "src"
    agents.mkdir()
    library.mkdir(parents=True)
    (tree / "sub.py").rename(agents / "sub.py")
    (tree / "base.py").rename(tree / "elsewhere.txt")
    time.sleep(0.3)  # until what has changed counts as settled
    for _ in range(2):
        assert run(agents) == (0, "No defects in 1 file.\n")
    (tree / "elsewhere.txt").rename(library / "base.py")
    for _ in range(2):
        assert run(agents)[0] == 1


def test_a_trainer_beside_the_checked_folder_is_watched(tree: Path) -> None:
    (tree / ".git").mkdir()
    agents = tree / "agents"
    agents.mkdir()
    (tree / "base.py").rename(agents / "base.py")
    trainer = """def update(policy: "Base", td, bptt, batch):
    policy.reset_memory()
    td["bptt"], td["batch"] = bptt, batch
    return policy(td, action=td["actions"])["entropy"].mean()
"""
    for text, says in (("", True), (trainer, False), (trainer.replace("policy(", "print("), True)):
        (tree / "losses.py").write_text(text)
        time.sleep(0.3)  # until what has changed counts as settled
        for _ in range(2):
            assert ("PF101" in run(agents)[1]) is says


def test_a_full_disk_is_told_once_and_leaves_nothing_half_written(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_some(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write_some)
    folder = tmp_path / "cache"
    done = CliRunner().invoke(main, ["check", str(tree), "--cache-dir", str(folder)])
    assert done.exit_code == 1
    assert "PF301" in done.stdout
    assert done.stderr.count("No space left on device") == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_repository_does_not_carry_the_index_of_others(tree: Path, tmp_path: Path) -> None:
    cache = ("--cache-dir", str(tmp_path / "cache"))
    (tree / ".git").mkdir()
    other = tmp_path / "another"
    (other / ".git").mkdir(parents=True)
    (other / "base.py").write_text(BASE)
    settle(other / "base.py")
    before = run(tree, *cache)
    indices = set((tmp_path / "cache").rglob("index-*"))
    kept = {file: file.read_bytes() for file in indices}
    assert run(other, *cache)[0] == 1
    assert len(set((tmp_path / "cache").rglob("index-*")) - indices) == 1
    assert {file: file.read_bytes() for file in indices} == kept
    assert run(tree, *cache) == before


def test_what_cannot_be_read_back_is_found_out_again(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    expected = run(tree, "--cache-dir", str(folder))
    kept = [file for file in folder.rglob("*") if file.is_file()]
    assert kept
    for file in kept:
        file.write_bytes(b"\x80\x04nonsense")
    assert run(tree, "--cache-dir", str(folder)) == expected
    for file in kept:
        file.write_bytes(pickle.dumps(None))
    assert run(tree, "--cache-dir", str(folder)) == expected


def test_a_cache_that_cannot_be_written_is_no_error(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(tree, "--cache-dir", str(tmp_path / "file" / "below"))[0] == 1


def test_a_file_that_was_just_written_is_not_trusted(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", b"")
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    cache.remember("question", [str(file)], engine.Result(), time.time())
    assert cache.recall("question", [str(file)]) is None
    settle(file)
    cache.remember("question", [str(file)], engine.Result(files=1), time.time())
    assert cache.recall("question", [str(file)]) == (engine.Result(files=1), [])
    assert cache.recall("question", []) is None
    assert cache.recall(digest("another"), [str(file)]) is None
    file.write_text("x = 2\n")
    assert cache.recall("question", [str(file)]) == (engine.Result(files=1), [str(file)])


def test_a_file_is_told_from_one_of_the_same_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    before, times = stat(file), file.stat()
    time.sleep(0.05)
    file.write_text("x = 2\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert stat(file) != before
    assert stat(tmp_path / "none") is None


def test_several_processes_say_what_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    agents = Path(__file__).parent.parent / "examples" / "agents"
    alone = engine.check([agents], contract.load())
    monkeypatch.setattr(engine, "WORTH_A_PROCESS", 1)
    several = engine.check([agents], contract.load(), processes=3)
    assert several.findings == alone.findings
    assert alone.subjects
    assert not several.subjects  # they stayed where they were made


def test_a_broken_file_is_found_by_any_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORTH_A_PROCESS", 1)
    for number in range(6):
        (tmp_path / f"m{number}.py").write_text("x = 1\n" * 50 if number % 2 else "def f(:\n" * 50)
    problems = engine.check([tmp_path], contract.load(), processes=3).problems
    assert [Path(p.path).name for p in problems] == ["m0.py", "m2.py", "m4.py"]
