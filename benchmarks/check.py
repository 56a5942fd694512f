"""Cold `policyfix check` of a tree against other tools, as whole processes, in turn, in one run.

    python benchmarks/check.py TREE [--against "torchfix TREE"]... [--runs 5]

Each command of `--against` is run as it stands; TREE in it is replaced by the tree. Prints the median wall
time of every command and its ratio to `policyfix check`, paired run by run, so that a change of the machine's
speed cancels out.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import sys
import time


def wall(command: list[str]) -> float:
    """Seconds that a command takes; its output is thrown away, its exit code does not matter."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tree")
    parser.add_argument("--against", action="append", default=[], metavar="COMMAND")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    ours = [sys.executable, "-m", "policyfix", "check", options.tree, "--output-format", "concise"]
    others = [[options.tree if w == "TREE" else w for w in shlex.split(c)] for c in options.against]
    times: list[list[float]] = [[] for _ in (ours, *others)]
    for command in (ours, *others):
        wall(command)  # once, so that files and bytecode are in the page cache for all alike
    for _ in range(options.runs):
        for taken, command in zip(times, (ours, *others), strict=True):
            taken.append(wall(command))
    print(f"{'command':<44} {'median':>8} {'min':>8} {'max':>8}   ratio to ours")
    for taken, command in zip(times, (ours, *others), strict=True):
        ratio = statistics.median(t / base for t, base in zip(taken, times[0], strict=True))
        name = " ".join(w.rpartition("/")[2] for w in command[:5])
        figures = (statistics.median(taken), min(taken), max(taken))
        print(f"{name:<44} " + " ".join(f"{figure:>7.2f}s" for figure in figures) + f"   {ratio:.2f}x")


if __name__ == "__main__":
    main()
