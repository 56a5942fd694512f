"""Findings that are known: how many of each rule, by file and symbol. They may only get fewer.

Lines are not kept, so a baseline holds while code moves. Where a symbol has more findings of a rule than it
had, nobody can say which is the new one, so all of them are reported.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from policyfix.config import ConfigError
from policyfix.finding import Finding, Result
from policyfix.record import record

DEFAULT_NAME = "policyfix-baseline.json"
VERSION = 1

# File, from the baseline's folder on and with forward slashes; symbol; code.
Key = tuple[str, str, str]


@record()
class Baseline:
    """The counts of one baseline file, which lies in `root`."""

    root: Path
    counts: Mapping[Key, int]

    def key(self, finding: Finding) -> Key:
        spot = finding.spot
        return os.path.relpath(spot.path, self.root).replace(os.sep, "/"), spot.symbol, finding.code

    def found(self, result: Result) -> Counter[Key]:
        return Counter(self.key(f) for f in result.findings)

    def judged(self, paths: Iterable[Path], codes: frozenset[str], result: Result) -> set[Key]:
        """The entries that a check of these paths for these codes has something to say about."""
        given = [os.path.abspath(path) for path in paths]
        unread = {os.path.abspath(p.path) for p in result.problems}

        def was_checked(name: str) -> bool:
            file = os.path.abspath(self.root / name)
            return file not in unread and any(_is_within(file, path) for path in given)

        return {key for key in self.counts if key[2] in codes and was_checked(key[0])}


def _is_within(file: str, path: str) -> bool:
    return file == path or file.startswith(os.path.join(path, ""))


def read(path: Path) -> Baseline:
    """Raises `ConfigError` where there is no baseline in the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: the baseline cannot be read: {error}") from error
    try:
        if document["version"] != VERSION:
            raise ConfigError(f"{path}: a baseline of version {document['version']!r}, not {VERSION}")
        counts = {
            (file, symbol, code): int(count)
            for file, symbols in document["findings"].items()
            for symbol, codes in symbols.items()
            for code, count in codes.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: not a baseline; write one with policyfix baseline") from error
    return Baseline(path.absolute().parent, counts)


def render(counts: Mapping[Key, int]) -> str:
    """The text of a baseline file."""
    findings: dict[str, dict[str, dict[str, int]]] = {}
    for (file, symbol, code), count in sorted(counts.items()):
        if count:
            findings.setdefault(file, {}).setdefault(symbol, {})[code] = count
    return json.dumps({"version": VERSION, "findings": findings}, indent=2, ensure_ascii=False) + "\n"


def without_known(result: Result, baseline: Baseline, judged: Iterable[Key]) -> Result:
    """The result without the findings that the baseline holds; what it holds in vain is noted."""
    found = baseline.found(result)
    new = [f for f in result.findings if found[baseline.key(f)] > baseline.counts.get(baseline.key(f), 0)]
    stale = tuple(
        f"{file}: {code} in {symbol or 'the file'}: {baseline.counts[file, symbol, code]} known, "
        f"{found[file, symbol, code]} found"
        for file, symbol, code in sorted(judged)
        if found[file, symbol, code] < baseline.counts[file, symbol, code]
    )
    return replace(result, findings=new, known=len(result.findings) - len(new), stale=stale)


def shrunk(baseline: Baseline, result: Result, judged: set[Key]) -> dict[Key, int]:
    """The counts after a check: fewer where fewer were found, never more; what was not checked stays."""
    found = baseline.found(result)
    return {key: min(count, found[key]) if key in judged else count for key, count in baseline.counts.items()}
