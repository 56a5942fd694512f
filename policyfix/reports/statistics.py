"""How often each rule spoke, most often first."""

from __future__ import annotations

from collections import Counter

from policyfix.finding import Result
from policyfix.reports import line_of_problem


def render(result: Result) -> str:
    counts = Counter((f.code, f.name) for f in result.findings)
    fixable = Counter(f.code for f in result.findings if f.fix is not None)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    width = len(str(ranked[0][1])) if ranked else 0
    lines = [
        f"{count:>{width}}  {code}  {name}" + (f"  ({fixable[code]} can be mended)" if fixable[code] else "")
        for (code, name), count in ranked
    ]
    return "\n".join([*lines, *map(line_of_problem, result.problems)])
