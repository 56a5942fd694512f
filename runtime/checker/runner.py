"""The parent side: runs probes in a child process, watches the clock, and outlives whatever the child does.

Neither torch nor the user's code is imported here. The child (`__main__.py`) reads one JSON request from its
standard input and writes one JSON event a line to its standard output; what the user's code prints goes to
its standard error. The input stays open: when it closes, the parent is gone, and the child ends itself.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from .contract import ContractError, read_contract
from .probes import ProbeName, probe_names
from .target import Target, TargetError, locate

Status = Literal["pass", "fail", "error", "skipped"]

# Loading torch takes seconds; less than this is not granted for starting, whatever the limit of a probe.
STARTUP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe found: `evidence` is the number or the reason, `hint` what to do about a failure."""

    code: str
    name: str
    status: Status
    evidence: str
    seconds: float
    rule: str | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """The results of every selected probe, or the `error` for which none could run."""

    target: str
    probes: tuple[ProbeResult, ...] = ()
    error: str | None = None

    @property
    def summary(self) -> dict[str, int]:
        """Number of results by status: passed, failed, errors, skipped."""
        statuses = [probe.status for probe in self.probes]
        names: dict[str, Status] = {
            "passed": "pass",
            "failed": "fail",
            "errors": "error",
            "skipped": "skipped",
        }
        return {name: statuses.count(status) for name, status in names.items()}

    @property
    def exit_code(self) -> int:
        """0: all passed or skipped, 1: a probe failed or errored, 2: no probe could run."""
        if self.error is not None:
            return 2
        return 1 if self.summary["failed"] or self.summary["errors"] else 0

    def as_json(self) -> dict[str, Any]:
        """The public shape, version 1."""
        report: dict[str, Any] = {
            "version": 1,
            "target": self.target,
            "probes": [
                {
                    "code": probe.code,
                    "name": probe.name,
                    "status": probe.status,
                    "evidence": probe.evidence,
                    "seconds": probe.seconds,
                }
                for probe in self.probes
            ],
            "summary": self.summary,
        }
        return report if self.error is None else {**report, "error": self.error}


class _NoProbeRanError(Exception):
    """The target cannot be imported or built; the message is for the user."""


def verify(
    target: str,
    *,
    contract: Path,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    timeout: float = 60.0,
    search_path: Sequence[Path] = (),
    python: str = sys.executable,
    seed: int = 0,
    startup_timeout: float = STARTUP_SECONDS,
) -> Verification:
    """Import `target` in a child process and run the selected probes on it, each within `timeout` seconds.

    `target` is `path/to/file.py::Class` or `package.module:Class`; `contract` the YAML file of the contract;
    `select` and `ignore` hold codes, code prefixes or names; `python` is the interpreter of the child.
    Nothing that the user's code does is raised: a probe that crashes, exits or hangs is an `error` among the
    results, a target that cannot be found, imported or built is the `error` of the whole.
    """
    try:
        read_contract(contract)
        probes = selected(select, ignore)
        request = request_for(locate(target, search_path), contract, search_path, seed)
        results = _run(request, probes, python, timeout, max(startup_timeout, timeout))
    except (ContractError, TargetError, UnknownProbeError, _NoProbeRanError) as error:
        return Verification(target, error=str(error))
    if all(result.status == "skipped" for result in results):
        return Verification(target, results, error="no probe could run: every selected one was skipped")
    return Verification(target, results)


class UnknownProbeError(Exception):
    """A selection that matches no probe; the message lists the probes there are."""


def selected(select: Sequence[str], ignore: Sequence[str]) -> list[ProbeName]:
    """The probes that `select` (all by default) names and `ignore` does not. Raises UnknownProbeError.

    They hold a probe's code (PV101), the code of its rule (PF101), a prefix of these, or its name (stamps).
    """
    probes = probe_names()
    for wanted in (*select, *ignore):
        if not any(_matches(probe, wanted) for probe in probes):
            known = ", ".join(f"{probe.code} {probe.name}" for probe in probes)
            raise UnknownProbeError(f"no probe is called {wanted!r}; there are: {known}")
    kept = [probe for probe in probes if not select or any(_matches(probe, wanted) for wanted in select)]
    kept = [probe for probe in kept if not any(_matches(probe, unwanted) for unwanted in ignore)]
    if not kept:
        raise UnknownProbeError("the selection leaves no probe to run")
    return kept


def _matches(probe: ProbeName, wanted: str) -> bool:
    code = wanted.upper()
    return probe.name == wanted or (
        len(code) > 2 and (probe.code.startswith(code) or (probe.rule or "").startswith(code))
    )


def request_for(target: Target, contract: Path, search_path: Sequence[Path], seed: int) -> dict[str, Any]:
    """What the child is told, but for the probes. `before` and `after` are folders for its `sys.path`."""
    return {
        "module": target.module,
        "class_name": target.class_name,
        "file": None if target.file is None else str(target.file),
        "before": [
            str(folder) for folder in (target.root or Path.cwd(), *(p.resolve() for p in search_path))
        ],
        "after": [str(folder) for folder in target.fallbacks],
        "contract": str(contract.resolve()),
        "seed": seed,
    }


def _run(
    request: dict[str, Any],
    probes: Sequence[ProbeName],
    python: str,
    timeout: float,
    startup_timeout: float,
) -> tuple[ProbeResult, ...]:
    """Run the probes in as many children as it takes: whoever dies is replaced for the probes that remain."""
    results: list[ProbeResult] = []
    while len(results) < len(probes):
        remaining = probes[len(results) :]
        with _child(python, {**request, "probes": [probe.module for probe in remaining]}) as child:
            try:
                child.await_event("ready", startup_timeout)
            except (_NoProbeRanError, _ChildLostError) as lost:
                if not results:
                    raise _NoProbeRanError(_startup_message(lost, child, python, request)) from None
                results += [
                    _result(probe, "error", f"the next child did not start: {lost}", 0.0)
                    for probe in remaining
                ]
                break
            for probe in remaining:
                result = _watched(child, probe, timeout)
                results.append(result)
                if result.status == "error" and child.lost:
                    break
    return tuple(results)


def _startup_message(lost: Exception, child: "_Child", python: str, request: dict[str, Any]) -> str:
    if isinstance(lost, _NoProbeRanError):
        return str(lost)
    if "No module named 'policyfix'" in child.tail() or "No module named policyfix" in child.tail():
        return f"{python} cannot import policyfix: {python} -m pip install 'policyfix[runtime]'"
    what = f"{request['module']}:{request['class_name']}"
    return f"while importing and building {what} the child {lost}{child.tail()}"


def _watched(child: "_Child", probe: ProbeName, timeout: float) -> ProbeResult:
    started = time.monotonic()
    try:
        event = child.await_event("result", timeout)
    except _ChildLostError as lost:
        return _result(probe, "error", f"{lost}{child.tail()}", time.monotonic() - started)
    return _result(probe, event["status"], event["evidence"], event["seconds"], event["hint"])


def _result(probe: ProbeName, status: Status, evidence: str, seconds: float, hint: str = "") -> ProbeResult:
    return ProbeResult(probe.code, probe.name, status, evidence, round(seconds, 3), probe.rule, hint)


class _ChildLostError(Exception):
    """The child died, or was killed because its time was up; the message says which."""


class _Child:
    """A running child: its process, the events that it writes, what it says on its standard error."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[bytes]) -> None:
        self.lost = False
        self._process = process
        self._errors = errors
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # not ours
            if isinstance(event, dict) and "event" in event:
                self._events.put(event)
        self._events.put(None)

    def await_event(self, name: str, seconds: float) -> dict[str, Any]:
        """The next event of that name. Raises _ChildLostError when the child dies or its time is up."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._events.get(timeout=min(0.5, max(deadline - time.monotonic(), 0.001)))
            except queue.Empty:
                if self._process.poll() is None and time.monotonic() < deadline:
                    continue
                if self._process.poll() is None:
                    raise self._lose(f"timed out after {seconds:g} s") from None
                raise self._lose(_cause_of_death(self._process.wait())) from None
            if event is None:
                raise self._lose(self._end(deadline, seconds))
            if event["event"] == "unusable":
                raise _NoProbeRanError(event["message"])
            if event["event"] == name:
                return event

    def _end(self, deadline: float, seconds: float) -> str:
        try:
            return _cause_of_death(self._process.wait(max(deadline - time.monotonic(), 1.0)))
        except subprocess.TimeoutExpired:
            return f"timed out after {seconds:g} s"

    def _lose(self, cause: str) -> _ChildLostError:
        self.lost = True
        return _ChildLostError(cause)

    def tail(self) -> str:
        """The end of the child's standard error, introduced; empty where it said nothing."""
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()[-5:]
        text = "\n".join(said)[-600:]
        return f"; its last words:\n{text}" if text else ""


@contextmanager
def _child(python: str, request: dict[str, Any]) -> Iterator[_Child]:
    """Start a child on `request`; on leaving, whatever happened, it and what it started are gone."""
    command = [python, "-P", "-m", __package__]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        except OSError as error:
            raise _NoProbeRanError(
                f"cannot run {python}: {error.strerror}; give a Python interpreter"
            ) from None
        assert process.stdin is not None
        try:
            _tell(process.stdin, request)
            yield _Child(process, errors)
        finally:
            _kill(process)


def _tell(stdin: IO[str], request: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # it died at once; waiting for its first event tells how
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()


def _kill(process: subprocess.Popen[str]) -> None:
    kill_group: Callable[[int, int], None] | None = getattr(os, "killpg", None)
    with suppress(ProcessLookupError, PermissionError):
        if kill_group is not None:
            kill_group(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()


def _cause_of_death(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"died with signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"died with signal {-status}"
