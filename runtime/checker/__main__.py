"""The child: imports the target, builds it, runs the probes it is told to, writes one event a line.

Started by `runner`; see there for the protocol.
"""

import difflib
import importlib
import json
import os
import sys
import sysconfig
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

from .contract import ContractError, read_contract
from .probes import ProbeName, probe_names

if TYPE_CHECKING:
    from torch import nn

    from .harness import Bench

NEEDS_TORCH = "policyfix verify needs torch and tensordict: pip install 'policyfix[runtime]'"


class UnusableTargetError(Exception):
    """The target cannot be imported or built; the message says what, where, and what to do."""


def main() -> None:
    """Serve one request."""
    requests, events = _own_streams()
    request = json.loads(requests.readline())
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()

    def tell(event: str, **entries: Any) -> None:
        events.write(json.dumps({"event": event, **entries}) + "\n")
        events.flush()

    try:
        prepare = prepared(request)
    except UnusableTargetError as error:
        tell("unusable", message=str(error))
        return
    tell("ready")
    by_module = {probe.module: probe for probe in probe_names()}
    for module in request["probes"]:
        tell("result", **_run(by_module[module], prepare, _roots(request)))


def _own_streams() -> tuple[TextIO, TextIO]:
    """Take the request and event streams away from the user's code: it reads nothing and prints to stderr."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, events


def _end_with_parent(requests: TextIO) -> None:
    requests.read()  # returns when the parent closes its end, or dies
    os._exit(1)


class Benches:
    """Hands every probe a bench of its own: same class and contract, a new random generator."""

    def __init__(self, policy_class: "type[nn.Module]", request: dict[str, Any]) -> None:
        from . import construction
        from .environment import Environment

        self._class = policy_class
        self._seed = int(request["seed"])
        self._contract = read_contract(Path(request["contract"]))
        self._environment = Environment()
        self._keywords = construction.accepted_keywords(policy_class, self._environment, self._contract)
        construction.build(
            policy_class, self._environment, self._contract, self._keywords.accepted, self._seed
        )

    def bench(self) -> "Bench":
        import torch

        from .environment import Environment
        from .harness import Bench

        generator = torch.Generator().manual_seed(self._seed)
        return Bench(self._class, self._contract, Environment(), self._keywords, self._seed, generator)


def prepared(request: dict[str, Any]) -> Benches:
    """The benches for the requested class. Raises UnusableTargetError."""
    try:
        import tensordict  # noqa: F401  # before the user's folders come first on the path
        import torch

        from .construction import ConstructionError
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] in ("torch", "tensordict"):
            raise UnusableTargetError(NEEDS_TORCH) from None
        raise
    torch.set_num_threads(1)  # batches are tiny: more threads only wait for each other, and sum in any order
    sys.path[:0] = request["before"]
    sys.path += request["after"]
    policy_class = _class(_module(request), request)
    try:
        return Benches(policy_class, request)
    except ContractError as error:
        raise UnusableTargetError(str(error)) from None
    except ConstructionError as error:
        raise UnusableTargetError(
            _told(f"{request['class_name']}(environment) cannot be built", error.__cause__, request)
            + "; if it takes something else than the environment, verify a subclass that takes that"
        ) from None
    except (Exception, SystemExit) as error:
        raise UnusableTargetError(
            _told(f"{request['class_name']} cannot be built and activated", error, request)
        ) from None


def _module(request: dict[str, Any]) -> ModuleType:
    name, file = request["module"], request["file"]
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        advice = (
            "; install it, or give the folder that holds it with --search-path"
            if isinstance(error, ImportError)
            else ""
        )
        raise UnusableTargetError(_told(f"cannot import {file or name}", error, request) + advice) from None
    found = getattr(module, "__file__", None)
    if file is not None and (found is None or Path(found).resolve() != Path(file)):
        raise UnusableTargetError(
            f"{file} would be imported as {name}, but that is {found}; "
            "give its source root with --search-path so that it has another name"
        )
    return module


def _class(module: ModuleType, request: dict[str, Any]) -> "type[nn.Module]":
    from torch import nn

    name, where = request["class_name"], request["file"] or request["module"]
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    if found is not None:
        raise UnusableTargetError(f"{name} in {where} is no torch.nn.Module class: give the policy's class")
    modules = [
        key for key, held in vars(module).items() if isinstance(held, type) and issubclass(held, nn.Module)
    ]
    meant = difflib.get_close_matches(name, modules, n=1)
    there = f"did you mean {meant[0]}?" if meant else f"its nn.Module classes: {', '.join(modules) or 'none'}"
    raise UnusableTargetError(f"{where} has no class {name}; {there}")


def _run(probe: ProbeName, benches: Benches, roots: list[Path]) -> dict[str, Any]:
    """One probe's result event."""
    from .harness import BrokenClauseError, NotApplicableError

    started = time.monotonic()
    module = probe.load()
    try:
        status, evidence = "pass", module.probe(benches.bench())
    except BrokenClauseError as failure:
        status, evidence = "fail", str(failure)
    except NotApplicableError as reason:
        status, evidence = "skipped", str(reason)
    except (Exception, SystemExit) as error:
        status, evidence = "error", _described(error, roots)
    seconds = time.monotonic() - started
    return {"status": status, "evidence": evidence, "seconds": seconds, "hint": module.HINT}


def _roots(request: dict[str, Any]) -> list[Path]:
    return [Path(folder) for folder in request["before"]]


def _told(what: str, error: BaseException | None, request: dict[str, Any]) -> str:
    assert error is not None
    return f"{what}: {_described(error, _roots(request))}"


def _described(error: BaseException, roots: list[Path]) -> str:
    """The exception and the last line of the user's own code that led to it."""
    said = " ".join(str(error).split())
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})"
    line = _users_line(error, roots)
    return f"{text} ({line})" if line else text


def _users_line(error: BaseException, roots: list[Path]) -> str | None:
    frames = traceback.extract_tb(error.__traceback__)
    installed = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
    checker = Path(__file__).parent
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith("<")
        and not any(Path(frame.filename).is_relative_to(place) for place in (*installed, checker))
    ]
    under = [frame for frame in own if any(Path(frame.filename).is_relative_to(root) for root in roots)]
    last = (under or own)[-1:]
    return f"{last[0].filename}:{last[0].lineno}" if last else None


if __name__ == "__main__":
    main()
