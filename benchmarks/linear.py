"""Cost of a cold `policyfix check` against the size of the tree: CPU seconds for megabytes of Python, and,
start-up aside, of candidate source: the files that a check follows, as they hold a policy or a trainer, or
say what one of those means. Of the others it reads the headers, and asks whether they are Python.

    python benchmarks/linear.py TREE... [--plot docs/linear-cost.svg]

Every tree is checked in a process of its own without a cache, three times; the least CPU time (user and
system, children included) counts: a busy machine stretches wall time only. Prints a table and, through the
points, the line by least squares over candidate source; `--plot` draws them (matplotlib).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from policyfix import contract, engine
from policyfix.reader import Reader
from policyfix.sources import discover


@dataclass(frozen=True, slots=True)
class Point:
    tree: str
    files: int
    lines: int
    megabytes: float
    candidates: float  # megabytes
    seconds: float


def cost(tree: Path) -> float:
    """CPU seconds of one cold check."""
    command = [sys.executable, "-P", "-m", "policyfix", "check", str(tree), "--no-cache", "--isolated"]
    before = os.times()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def candidates(tree: Path) -> int:
    """Bytes of the files that a check follows."""
    reader = Reader(contract.load())
    engine.check([tree], reader.contract, reader=reader, with_fixes=False)
    return sum(map(reader.size, {path.absolute() for path in reader.followed}))


def measure(tree: Path, runs: int) -> Point:
    contents = [path.read_bytes() for path in discover([tree]).files]
    return Point(
        tree=tree.name,
        files=len(contents),
        lines=sum(data.count(b"\n") for data in contents),
        megabytes=sum(map(len, contents)) / 1e6,
        candidates=candidates(tree) / 1e6,
        seconds=min(cost(tree) for _ in range(runs)),
    )


def line(points: list[Point]) -> tuple[float, float, float]:
    """Seconds at nothing, seconds a megabyte of candidates, and the share of variance explained."""
    xs, ys = [p.candidates for p in points], [p.seconds for p in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)
    start = y - slope * x
    rest = sum((b - start - slope * a) ** 2 for a, b in zip(xs, ys, strict=True))
    return start, slope, 1 - rest / sum((b - y) ** 2 for b in ys)


def plot(points: list[Point], target: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    start, slope, _ = line(points)
    figure, axes = pyplot.subplots(figsize=(7, 4))
    largest = max(p.candidates for p in points)
    axes.plot([0, largest], [start, start + slope * largest], color="0.7", zorder=1)
    axes.scatter([p.candidates for p in points], [p.seconds for p in points], zorder=2)
    for point in points:
        axes.annotate(
            f"{point.tree}, {point.lines / 1000:.0f} kLOC",
            (point.candidates, point.seconds),
            xytext=(5, -10),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xlabel("MB of candidate source")
    axes.set_ylabel("CPU seconds, cold")
    axes.set_xlim(0, largest * 1.2)
    axes.set_ylim(0)
    figure.tight_layout()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        Path(folder, "one.py").touch()
        start = min(cost(Path(folder)) for _ in range(options.runs))
    print(f"start-up: {start:.2f} s")
    points = sorted((measure(tree, options.runs) for tree in options.trees), key=lambda p: p.candidates)
    print(f"{'tree':<28}{'files':>7}{'kLOC':>7}{'MB':>7}{'cand.':>7}{'CPU s':>8}{'s/MB':>7}{'s/cand.':>9}")
    for p in points:
        print(
            f"{p.tree:<28}{p.files:>7}{p.lines / 1000:>7.0f}{p.megabytes:>7.1f}{p.candidates:>7.2f}"
            f"{p.seconds:>8.2f}{p.seconds / p.megabytes:>7.2f}{(p.seconds - start) / p.candidates:>9.2f}"
        )
    if len(points) > 2:
        nothing, slope, fit = line(points)
        print(f"line: {nothing:.2f} s + {slope:.3f} s/MB, R^2 = {fit:.3f}")
    if options.plot:
        plot(points, options.plot)


if __name__ == "__main__":
    main()
