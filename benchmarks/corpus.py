"""Precision and recall of `policyfix check` on policies of other people, as read and labelled by hand.

    python benchmarks/corpus.py FOLDER [--fetch] [--preview] [--blind [ROUND]] [--repository NAME]

`tests/data/corpus/labels.yaml` says for each class what must be reported. FOLDER holds the checkouts, one
`owner+name@commit` each (twelve digits); `--fetch` clones the missing ones from GitHub. A label that asks
for a code is a hit where the code stands at the class, or at its net or bases (`at`); else it is a miss. A
finding at a labelled class that no label asks for is a false alarm, and so is any finding in a repository
that is otherwise labelled silent; other findings are listed as not judged. Codes marked `open` count for
nothing. Trees marked `blind` were labelled before any run on them; `--blind` scores them alone, or one round.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

LABELS = Path(__file__).resolve().parents[1] / "tests" / "data" / "corpus" / "labels.yaml"
FAMILIES = {
    "1": "tensordict",
    "2": "memory",
    "3": "weights",
    "4": "config",
    "5": "network",
    "6": "trainer",
    "7": "performance",
}


@dataclass(frozen=True, slots=True)
class Label:
    """What one class must have reported. A code `A|B` is either of two."""

    path: str
    name: str
    codes: frozenset[str]
    open: frozenset[str]
    at: frozenset[tuple[str, str]]
    why: str


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    commit: str
    silent: bool
    labels: tuple[Label, ...]
    blind: int = 0  # the round in which it was labelled before any rule had seen it

    @property
    def folder(self) -> str:
        return f"{self.name.replace('/', '+')}@{self.commit[:12]}"


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A code reported at a class (or function, or `*`: a file without classes)."""

    path: str
    name: str
    code: str


def read(path: Path = LABELS) -> Iterator[Repository]:
    """The labelled repositories."""
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        labels = tuple(
            Label(
                path=row["path"],
                name=row["class"],
                codes=frozenset(row["codes"]),
                open=frozenset(row.get("open", ())),
                at=frozenset(
                    (where, name) for where, _, name in (a.partition("::") for a in row.get("at", ()))
                ),
                why=row["why"],
            )
            for row in entry["classes"]
        )
        silent, blind = entry.get("rest") == "silent", int(entry.get("blind", 0))
        yield Repository(entry["repository"], entry["commit"], silent, labels, blind)


def checkout(repository: Repository, folder: Path) -> None:
    """Clone one commit from GitHub."""
    target = folder / repository.folder
    target.mkdir(parents=True)
    url = f"https://github.com/{repository.name}"
    for command in (["init", "-q"], ["fetch", "-q", "--depth", "1", url, repository.commit]):
        subprocess.run(["git", "-C", str(target), *command], check=True)
    subprocess.run(["git", "-C", str(target), "checkout", "-q", "FETCH_HEAD"], check=True)


def _holder(path: str, symbol: str) -> str:
    """The class or function that a symbol stands in; a file without classes is one thing."""
    return symbol.partition(".")[0] if path.endswith(".py") and symbol else "*"


def check(root: Path, options: list[str]) -> Counter[Spot]:
    """What `policyfix check` says of a tree, as its users run it."""
    command = [sys.executable, "-P", "-m", "policyfix", "check", ".", "--output-format", "json", *options]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(f"{root}: {done.stderr}")
    return Counter(
        Spot(row["path"], _holder(row["path"], row["symbol"]), row["code"])
        for row in json.loads(done.stdout)["findings"]
    )


def known_codes() -> frozenset[str]:
    from policyfix.rule import discover

    return frozenset(rule.code for rule in discover())


@dataclass(slots=True)
class Score:
    hits: int = 0
    misses: int = 0
    alarms: int = 0

    @staticmethod
    def _share(part: int, rest: int) -> str:
        return f"{part / (part + rest):.3f}" if part + rest else "-"

    @property
    def precision(self) -> str:
        return self._share(self.hits, self.alarms)

    @property
    def recall(self) -> str:
        return self._share(self.hits, self.misses)


def judge(
    repository: Repository, found: Counter[Spot], known: frozenset[str], scores: dict[str, Score]
) -> Iterator[str]:
    """Count, and say what went wrong, a line each."""
    asked: set[Spot] = set()
    for label in repository.labels:
        places = {(label.path, label.name)} | label.at
        for wanted in sorted(label.codes):
            codes = wanted.split("|")
            if not known & set(codes):
                continue
            spots = {Spot(*place, code) for place in places for code in codes}
            asked |= spots
            if any(spot in found for spot in spots):
                scores[codes[0][2]].hits += 1
            else:
                scores[codes[0][2]].misses += 1
                yield f"MISS   {wanted} {repository.folder}/{label.path}::{label.name}: {label.why}"
        asked |= {Spot(*place, code) for place in places for code in label.open}
    labelled = {place for label in repository.labels for place in {(label.path, label.name)} | label.at}
    for spot in sorted(found):
        if spot in asked or spot.code[2] not in scores:
            continue
        if repository.silent or (spot.path, spot.name) in labelled:
            scores[spot.code[2]].alarms += 1
            yield f"ALARM  {spot.code} {repository.folder}/{spot.path}::{spot.name}"
        else:
            yield f"unread {spot.code} {repository.folder}/{spot.path}::{spot.name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fetch", action="store_true", help="clone what is missing")
    parser.add_argument("--preview", action="store_true", help="with the rules that are off by default")
    parser.add_argument(
        "--blind", type=int, nargs="?", const=-1, help="only labels written before any run: all, or one round"
    )
    parser.add_argument("--repository", default="", help="only those whose name contains this")
    options = parser.parse_args()
    known, scores, judged = known_codes(), {digit: Score() for digit in FAMILIES}, 0
    for repository in read():
        asked = options.blind in (None, repository.blind) or (options.blind < 0 < repository.blind)
        if options.repository not in repository.folder or not asked:
            continue
        if not (options.folder / repository.folder).is_dir():
            if not options.fetch:
                print(f"absent {repository.folder}", file=sys.stderr)
                continue
            checkout(repository, options.folder)
        found = check(options.folder / repository.folder, ["--preview"] if options.preview else [])
        for line in judge(repository, found, known, scores):
            print(line)
        judged += len(repository.labels)
    print(f"\n{judged} classes")
    print(f"{'family':<12}{'hits':>6}{'misses':>8}{'alarms':>8}{'precision':>11}{'recall':>8}")
    for digit, family in FAMILIES.items():
        score = scores[digit]
        print(
            f"{family:<12}{score.hits:>6}{score.misses:>8}{score.alarms:>8}"
            f"{score.precision:>11}{score.recall:>8}"
        )


if __name__ == "__main__":
    main()
