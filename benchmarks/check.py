"""`policyfix check` cold, warm and on one changed file, against other tools: whole processes, in turn.

    python benchmarks/check.py TREE [--file FILE] [--edit FILE]... [--against "torchfix TREE"]... [--runs 5]

FILE is a path inside of TREE, and is edited (in a copy) before each run that checks it alone, or, with
`--edit`, the whole copy. Each command of `--against` is run as it stands; TREE and FILE in it are replaced.
Prints the median wall time of every command, its median processor time, and the wall time's ratio to the
first command, paired run by run, so that a change of the machine's speed cancels out.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Row:
    """One command, and the seconds that its runs took: by the clock, and of processors."""

    name: str
    command: list[str]
    edits: Path | None = None  # before each run
    wall: list[float] = field(default_factory=list)
    processors: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Output is thrown away, the exit code does not matter."""
        start, before = time.perf_counter(), os.times()
        # Installed tools have their bytecode; a shell may forbid to write it.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(
            self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=kept
        )
        after = os.times()
        self.wall.append(time.perf_counter() - start)
        user, system = (
            after.children_user - before.children_user,
            after.children_system - before.children_system,
        )
        self.processors.append(user + system)


def rows(
    tree: Path, file: Path | None, edited: dict[Path, Path], against: list[str], cache: Path
) -> list[Row]:
    """`edited`: files, and the copies of the tree in which they are."""
    check = [sys.executable, "-m", "policyfix", "check", "--output-format", "concise"]
    kept = [*check, "--cache-dir", str(cache)]
    found = [
        Row("policyfix check, cold", [*check, "--no-cache", str(tree)]),
        Row("policyfix check, warm", [*kept, str(tree)]),
    ]
    if file is not None:
        found.append(Row("policyfix check, one changed file", [*kept, str(file)], edits=file))
    for path, copy in edited.items():
        found.append(Row(f"policyfix check, {path.name} edited", [*kept, str(copy)], edits=path))
    for text in against:
        places = {"TREE": str(tree), "FILE": str(file)}
        words = shlex.split(text)
        name = " ".join(word.rpartition("/")[2] for word in words)
        found.append(
            Row(name, [places.get(word, word) for word in words], edits=file if "FILE" in words else None)
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--edit", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--against", action="append", default=[], metavar="COMMAND")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(shutil.copytree(options.tree, Path(folder, "tree"), symlinks=True))
        file = None
        if options.file is not None:  # edited in a copy of its own: the other rows see nothing change
            file = Path(shutil.copytree(tree, Path(folder, "edited"), symlinks=True)) / options.file
        copies = {path: Path(folder, f"edit{number}") for number, path in enumerate(options.edit)}
        for copy in copies.values():
            shutil.copytree(tree, copy, symlinks=True)
        edited = {copy / path: copy for path, copy in copies.items()}
        measured = rows(tree, file, edited, options.against, Path(folder, "cache"))
        for row in measured:
            row.run()  # once, so that files, bytecode and our cache are there for all alike
            row.wall.clear()
            row.processors.clear()
        for number in range(options.runs):
            for row in measured:
                if row.edits is not None:
                    with row.edits.open("a") as opened:
                        opened.write(f"# edit {number}\n")
                    time.sleep(0.2)  # as long as it takes to commit
                row.run()
    print(f"{'command':<44} {'median':>8} {'min':>8} {'max':>8} {'cpu':>8}   ratio")
    for row in measured:
        ratio = statistics.median(t / base for t, base in zip(row.wall, measured[0].wall, strict=True))
        figures = (
            statistics.median(row.wall),
            min(row.wall),
            max(row.wall),
            statistics.median(row.processors),
        )
        print(f"{row.name:<44} " + " ".join(f"{figure:>7.2f}s" for figure in figures) + f"   {ratio:.3f}x")


if __name__ == "__main__":
    main()
