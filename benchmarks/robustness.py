"""No crash, no hang, one answer: `policyfix check` over any Python files, in batches with a time limit.

    python benchmarks/robustness.py FOLDER... [--split] [--batch 800] [--limit 300]

Each folder is checked twice, as whole processes without a cache: with PYTHONHASHSEED=0, and with
PYTHONHASHSEED=1. With --split it is the folders in it that are checked, together so many Python files at a
time, the second time in reverse order. Prints the number of files, of findings by code, batches that went
over the limit or ended without output, internal errors, batches whose outputs differ, and the slowest ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPTIONS = ("--no-cache", "--isolated", "--no-respect-gitignore")


@dataclass(slots=True)
class Answer:
    """What one run said. `output` is None where it was stopped."""

    seconds: float
    status: int | None
    output: dict[str, Any] | None
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


def run(paths: list[Path], seed: str, limit: float) -> Answer:
    """One check."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-P", "-m", "policyfix", "check", "--output-format", "json", *OPTIONS]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [*command, *map(str, paths)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(time.perf_counter() - start, None, None)
    try:
        output = json.loads(done.stdout)
    except json.JSONDecodeError:
        output = None
    return Answer(time.perf_counter() - start, done.returncode, output, done.stderr)


def weight(folder: Path) -> int:
    """Python files under a folder."""
    return sum(path.suffix in (".py", ".pyi") for path in folder.rglob("*.py*"))


def batches(root: Path, size: int) -> Iterator[list[Path]]:
    """The folders in a folder, together so many files at a time."""
    batch: list[Path] = []
    held = 0
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if count := weight(folder):
            batch.append(folder)
            held += count
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def examine(batch: list[Path], limit: float, tally: Tally) -> None:
    name = f"{batch[0]}" + (f" and {len(batch) - 1} more" if len(batch) > 1 else "")
    first, second = run(batch, "0", limit), run(batch[::-1], "1", limit)
    tally.seconds += first.seconds
    for answer in (first, second):
        if answer.status is None:
            tally.stopped.append(name)
        elif answer.output is None:
            tally.crashed.append(f"{name}: exit {answer.status}: {answer.stderr.strip()[-400:]}")
    if first.output is None or second.output is None:
        return
    files = first.output["summary"]["files"]
    tally.files += files
    for row in first.output["findings"]:
        tally.codes[row["code"]] += 1
    for error in first.output["errors"]:
        text = f"{error['path']}: {error['message']}"
        tally.internal["cannot be read" if error["code"] == "PF901" else text] += 1
    if first.output != second.output:
        tally.differing.append(name)
    tally.slowest.append((first.seconds / max(files, 1), f"{files} files, {name}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--split", action="store_true", help="check the folders in each folder")
    parser.add_argument("--batch", type=int, default=800)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a batch")
    options = parser.parse_args()
    tally = Tally()
    for path in options.paths:
        for batch in batches(path, options.batch) if options.split else [[path]]:
            examine(batch, options.limit, tally)
            print(f"{tally.files} files, {tally.seconds:.0f}s, {batch[-1]}", file=sys.stderr, flush=True)
    print(f"files                 {tally.files}")
    print(f"seconds, first runs   {tally.seconds:.0f}")
    print(f"findings              {sum(tally.codes.values())}  {dict(sorted(tally.codes.items()))}")
    print(f"cannot be read        {tally.internal.pop('cannot be read', 0)}")
    slowest = sorted(tally.slowest, reverse=True)[:5]
    for title, found in (
        ("over the limit", tally.stopped),
        ("ended without output", tally.crashed),
        ("internal errors", [f"{n} x {text}" for text, n in tally.internal.items()]),
        ("two answers", tally.differing),
        ("slowest", [f"{seconds * 1000:.0f} ms a file: {name}" for seconds, name in slowest]),
    ):
        print(f"{title:<22}{len(found)}")
        for line in found:
            print(f"    {line}")


if __name__ == "__main__":
    main()
