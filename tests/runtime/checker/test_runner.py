"""Whatever the user's code does, the parent tells it, goes on, and leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import venv
from pathlib import Path

import pytest

from policyfix.runtime.checker import ProbeResult, Verification, verify
from policyfix.runtime.checker.__main__ import UnusableTargetError, prepared
from policyfix.runtime.checker.runner import request_for
from policyfix.runtime.checker.target import locate

HERE = Path(__file__).parent


def policy(tmp_path: Path, body: str, *, top: str = "") -> str:
    """A target: the sound agent of lstm_agent with `body` in its class and `top` at the top of its module."""
    source = f"import ctypes, os, sys, time\nfrom lstm_agent import Agent\n{top}\nclass Mine(Agent):\n"
    (tmp_path / "mine.py").write_text(source + textwrap.indent(textwrap.dedent(body), "    "))
    return f"{tmp_path / 'mine.py'}::Mine"


def run(target: str, contract_path: Path, **options: object) -> Verification:
    return verify(target, contract=contract_path, search_path=[HERE], **options)  # type: ignore[arg-type]


def by_code(verification: Verification) -> dict[str, ProbeResult]:
    return {probe.code: probe for probe in verification.probes}


def test_a_probe_that_loses_the_child_is_an_error_and_the_others_run(
    tmp_path: Path, contract_path: Path
) -> None:
    body = """
        def clip_weights(self):
            time.sleep(600)
        def get_memory(self):
            print("so long", file=sys.stderr, flush=True)
            ctypes.string_at(0)
        def _convert_logit_index_to_action(self, index):
            if len(index) == 19:
                os._exit(0)
            return super()._convert_logit_index_to_action(index)
    """
    codes = ["PV202", "PV205", "PV301", "PV401", "PV503"]
    verification = run(policy(tmp_path, body), contract_path, select=codes, timeout=5)
    results = by_code(verification)
    assert [results[code].status for code in codes] == ["error", "pass", "error", "pass", "error"]
    assert "died with signal 11 (SIGSEGV); its last words:" in results["PV202"].evidence
    assert "so long" in results["PV202"].evidence
    assert results["PV301"].evidence.startswith("timed out after 5 s")
    assert results["PV503"].evidence.startswith("exited with status 0")
    assert verification.exit_code == 1


def test_an_exception_is_an_error_with_the_users_line_and_exit_does_not_end_the_child(
    tmp_path: Path, contract_path: Path
) -> None:
    body = """
        def clip_weights(self):
            raise ValueError('too\\n  wide')
        def get_memory(self):
            sys.exit(3)
    """
    results = by_code(run(policy(tmp_path, body), contract_path, select=["PV202", "PV301", "PV401"]))
    assert results["PV301"].evidence == f"ValueError: too wide ({tmp_path / 'mine.py'}:7)"
    assert results["PV202"].status == "error"
    assert results["PV202"].evidence.startswith("SystemExit: 3")
    assert results["PV401"].status == "pass"


def test_what_the_users_code_prints_does_not_reach_the_results(tmp_path: Path, contract_path: Path) -> None:
    body = """
        def stamp(self, td, steps, batch):
            print('{"event": "result", "status": "fail"}', flush=True)
            os.write(1, b'{"event": "result"}\\n')
            assert sys.stdin.read() == ''
            super().stamp(td, steps, batch)
    """
    verification = run(policy(tmp_path, body), contract_path, select=["PV101", "PV205"])
    assert [probe.status for probe in verification.probes] == ["pass", "pass"]


@pytest.mark.parametrize(
    ("top", "error"),
    [
        (
            "print('bye', file=sys.stderr, flush=True); os._exit(7)",
            r"mine:Mine the child exited with status 7(.|\n)*bye",
        ),
        ("time.sleep(600)", r"mine:Mine the child timed out after 1 s"),
    ],
)
def test_a_child_that_is_lost_while_it_starts(
    tmp_path: Path, contract_path: Path, top: str, error: str
) -> None:
    limit = {"startup_timeout": 1.0, "timeout": 1.0} if "sleep" in top else {}
    verification = run(policy(tmp_path, "pass", top=top), contract_path, **limit)
    assert (verification.probes, verification.exit_code) == ((), 2)
    assert re.search(error, verification.error or "")


@pytest.mark.parametrize(
    ("top", "body", "error"),
    [
        ("import no_such_module", "", r"mine\.py: ModuleNotFoundError: .*\(.*mine\.py:3\).*--search-path"),
        ("1 / 0", "", r"cannot import .*mine\.py: ZeroDivisionError: .*\(.*mine\.py:3\)"),
        ("sys.exit('no')", "", r"cannot import .*mine\.py: SystemExit: no"),
        (
            "",
            "def __init__(self, env, net): ...",
            r"Mine\(environment\) cannot be built: .*'net'.*a subclass",
        ),
        ("", "def __init__(self, env, **k): raise KeyError('w')", r"KeyError: 'w' \(.*mine\.py:5\)"),
        ("", "def activate_action_embeddings(self, *a): 1 / 0", r"built and activated: ZeroDivisionError"),
        ("Mien = Agent", "", "has no class Mine2; did you mean Mine?"),
        ("Mine2 = 3", "", r"Mine2 in .*mine\.py is no torch\.nn\.Module class"),
    ],
)
def test_a_target_that_cannot_be_imported_or_built(
    tmp_path: Path, contract_path: Path, monkeypatch: pytest.MonkeyPatch, top: str, body: str, error: str
) -> None:
    target = policy(tmp_path, body or "pass", top=top)
    if "Mine2" in error:
        target += "2"
    monkeypatch.setattr(sys, "path", [*sys.path])
    request = request_for(locate(target, [HERE]), contract_path, [HERE], seed=0)
    try:
        with pytest.raises(UnusableTargetError) as raised:
            prepared(request)
    finally:
        sys.modules.pop("mine", None)
    assert re.search(error, str(raised.value))


def test_a_policy_that_is_told_the_names_of_its_actions_is_activated_as_others_are(
    tmp_path: Path, contract_path: Path
) -> None:
    body = "def initialize_to_environment(self, names, device): assert len(names) == 19"
    target = policy(tmp_path, body)
    verification = run(target, contract_path, select=["action-index"])
    assert [(probe.code, probe.status) for probe in verification.probes] == [("PV503", "pass")]


def test_the_page_shows_how_to_verify_a_class_that_takes_something_else(
    tmp_path: Path, contract_path: Path
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "tracker.py").write_text(
        "from lstm_agent import Agent\n"
        "class Tracker(Agent):\n"
        "    def __init__(self, described, **config):\n"
        "        assert described['observations'].shape == (200, 3) and len(described['most']) == 7\n"
        "        super().__init__(described, **config)\n"
    )
    page = (HERE.parents[2] / "docs" / "verifying.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "verified.py").write_text(block)
    target = f"{tmp_path / 'verified.py'}::Verified"
    assert [p.status for p in run(target, contract_path, select=["stamps"]).probes] == ["pass"]
    refused = run(f"{tmp_path / 'agents' / 'tracker.py'}::Tracker", contract_path)
    assert "verify a subclass" in (refused.error or "")


def test_relative_imports_work(tmp_path: Path, contract_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "base.py").write_text("from lstm_agent import Agent")
    (tmp_path / "agents" / "mine.py").write_text("from .base import Agent\nclass Mine(Agent): ...")
    verification = run(f"{tmp_path / 'agents' / 'mine.py'}::Mine", contract_path, select=["stamps"])
    assert [(probe.code, probe.status) for probe in verification.probes] == [("PV101", "pass")]


def test_missing_torch_is_one_line(
    tmp_path: Path, contract_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    error = run("lstm_agent:Agent", contract_path).error
    assert error == "policyfix verify needs torch and tensordict: pip install 'policyfix[runtime]'"


def test_an_interpreter_without_policyfix(tmp_path: Path, contract_path: Path) -> None:
    venv.create(tmp_path / "env")
    python = str(tmp_path / "env" / "bin" / "python")
    error = run("lstm_agent:Agent", contract_path, python=python).error
    assert error == f"{python} cannot import policyfix: {python} -m pip install 'policyfix[runtime]'"


def test_no_interpreter(contract_path: Path) -> None:
    assert "cannot run nowhere/python" in (
        run("lstm_agent:Agent", contract_path, python="nowhere/python").error or ""
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"select": ["PV999"]}, "no probe is called 'PV999'; there are: PV101 stamps, "),
        ({"select": ["PV101"], "ignore": ["PV1"]}, "the selection leaves no probe to run"),
    ],
)
def test_a_selection_without_probes(contract_path: Path, options: dict[str, list[str]], error: str) -> None:
    assert (run("lstm_agent:Agent", contract_path, **options).error or "").startswith(error)


def test_when_everything_is_skipped_it_is_not_a_success(contract_path: Path) -> None:
    verification = run("lstm_agent:FeedForward", contract_path, select=["PV203"])
    assert [probe.status for probe in verification.probes] == ["skipped"]
    assert verification.exit_code == 2


def test_a_wrong_contract_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("stamps: [bptt, batch]\n")
    assert "lacks the key" in (run("lstm_agent:Agent", tmp_path / "c.yaml").error or "")


def test_another_contract_brings_its_own_names(tmp_path: Path, contract_path: Path) -> None:
    other = contract_path.read_text().replace("clip_weights", "bound_weights").replace("env_obs", "seen")
    (tmp_path / "c.yaml").write_text(other)
    body = """
        clip_weights = None
        def bound_weights(self):
            Agent.clip_weights(self)
        def read(self, td):
            return td["seen"]
    """
    target = policy(tmp_path, body)
    results = by_code(run(target, tmp_path / "c.yaml", select=["PV106", "PV301"]))
    assert {code: result.status for code, result in results.items()} == {"PV106": "pass", "PV301": "pass"}
    assert "seen" in results["PV106"].evidence


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_child_outlives_the_parent(tmp_path: Path, contract_path: Path, ending: signal.Signals) -> None:
    pid_file = tmp_path / "pid"
    body = (
        f"def clip_weights(self):\n    open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    )
    target = policy(tmp_path, body)
    program = (
        "from pathlib import Path; from policyfix.runtime.checker import verify; "
        f"verify({target!r}, contract=Path({str(contract_path)!r}), "
        f"search_path=[Path({str(HERE)!r})], select=['PV301'])"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(pid_file.read_text())
    parent.send_signal(ending)
    parent.wait(120)
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:1]


def test_the_parent_side_needs_no_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = sys.modules['tensordict'] = None\n"
        "import policyfix.runtime.checker.report, policyfix.runtime.checker as checker\n"
        "from policyfix.runtime.checker.probes import probe_names\n"
        "assert checker.verify and len(probe_names()) > 20\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
