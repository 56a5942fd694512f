"""No crash, no hang, one answer: `policyfix check` over any Python files, in batches with a time limit.

    python benchmarks/robustness.py PATH... [--batch 400] [--limit 300]

Each batch of files is checked twice, as whole processes without a cache: once in order with PYTHONHASHSEED=0,
once in reverse order with PYTHONHASHSEED=1. Prints the number of files, of findings by code, batches that
went over the limit or ended by a signal, internal errors (exit 2 names them), batches whose two outputs
differ, and the slowest files: those of a batch that is slow, each checked alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SLOW = 0.05  # seconds a file, on average, above which the files of a batch are timed one by one
OPTIONS = ("--no-cache", "--isolated", "--no-respect-gitignore")


@dataclass(slots=True)
class Answer:
    """What one run said. `output` is None where it was stopped."""

    seconds: float
    status: int | None
    output: dict[str, object] | None
    stderr: str = ""


@dataclass(slots=True)
class Tally:
    files: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    stopped: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    internal: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0


def run(files: list[Path], seed: str, limit: float) -> Answer:
    """One check of some files."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [
        sys.executable,
        "-m",
        "policyfix",
        "check",
        "--output-format",
        "json",
        *OPTIONS,
        *map(str, files),
    ]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer(time.perf_counter() - start, None, None)
    try:
        output = json.loads(done.stdout)
    except json.JSONDecodeError:
        output = None
    return Answer(time.perf_counter() - start, done.returncode, output, done.stderr)


def python_files(paths: list[Path]) -> list[Path]:
    """Every .py and .pyi file under the paths, regular files only, in order."""
    found: set[Path] = set()
    for path in paths:
        found |= {path} if path.is_file() else {p for p in path.rglob("*.py*") if p.suffix in (".py", ".pyi")}
    return sorted(p for p in found if p.is_file())


def examine(batch: list[Path], limit: float, tally: Tally) -> None:
    tally.files += len(batch)
    name = f"{batch[0]} and {len(batch) - 1} more"
    first, second = run(batch, "0", limit), run(batch[::-1], "1", limit)
    tally.seconds += first.seconds
    for answer in (first, second):
        if answer.status is None:
            tally.stopped.append(name)
        elif answer.output is None:
            tally.crashed.append(f"{name}: exit {answer.status}: {answer.stderr.strip()[-400:]}")
    if first.output is None or second.output is None:
        if len(batch) > 1:  # which file was it?
            middle = len(batch) // 2
            tally.files -= len(batch)
            examine(batch[:middle], limit / 2, tally)
            examine(batch[middle:], limit / 2, tally)
        return
    for row in first.output["findings"]:  # type: ignore[attr-defined]
        tally.codes[row["code"]] += 1
    for error in first.output.get("errors", ()):  # type: ignore[attr-defined]
        text = json.dumps(error)
        tally.internal[text if "internal" in text else "cannot be read"] += 1
    if first.output != second.output:
        tally.differing.append(name)
    if first.seconds / len(batch) > SLOW and len(batch) > 20:
        timed = sorted(((run([f], "0", limit).seconds, str(f)) for f in batch), reverse=True)
        tally.slowest = sorted([*tally.slowest, *timed[:5]], reverse=True)[:10]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a batch")
    options = parser.parse_args()
    files, tally = python_files(options.paths), Tally()
    for start in range(0, len(files), options.batch):
        examine(files[start : start + options.batch], options.limit, tally)
        print(f"{tally.files} of {len(files)} files, {tally.seconds:.0f}s", file=sys.stderr)
    print(f"files                 {tally.files}")
    print(f"seconds, first runs   {tally.seconds:.0f}")
    print(f"findings              {sum(tally.codes.values())}  {dict(sorted(tally.codes.items()))}")
    print(f"cannot be read        {tally.internal.pop('cannot be read', 0)}")
    for title, found in (
        ("over the limit", tally.stopped),
        ("ended without output", tally.crashed),
        ("internal errors", [f"{n} x {text}" for text, n in tally.internal.items()]),
        ("two answers", tally.differing),
        ("slowest, alone", [f"{seconds:.2f}s {name}" for seconds, name in tally.slowest]),
    ):
        print(f"{title:<22}{len(found)}")
        for line in found:
            print(f"    {line}")


if __name__ == "__main__":
    main()
