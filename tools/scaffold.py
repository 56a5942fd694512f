"""Lays out a new rule: its file, codemod, probe and cases, each of which fails until it is filled in.

    python tools/scaffold.py PF511 frozen-normaliser network --fix safe --probe

Nothing that exists is overwritten. What is still to be written is marked TODO; tests/rules/test_pages.py
keeps such a rule from being taken.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

RULE = '''\
from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass


class {title}(Rule[PolicyClass]):
    """TODO: the defect in one line, as a sentence.

    ## What it does
    TODO: what is reported, and when it stays silent.

    ## Why it matters
    TODO: what goes wrong in training, and why no exception says so.

    ## Example
    ```python
    TODO = "the shortest source with the defect"
    ```

    ## Use instead
    ```python
    TODO = "the same source without it"
    ```

    ## Fix safety
    {safety} TODO: why.

    ## Source
    TODO: where the clause comes from: code, paper, measurement.
    """

    code = "{code}"
    name = "{name}"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        raise NotImplementedError("TODO: yield self.finding(...) where the defect is certain")
'''

CODEMOD = '''\
from __future__ import annotations

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding, Tier
from policyfix.subjects import PolicyClass


class Mend{title}(Codemod[PolicyClass]):
    """TODO: what the rewrite does, in one line."""

    answers = ("{code}",)
    tier = Tier.{tier}

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        raise NotImplementedError("TODO: return self.fix(title, edits), or Refusal(reason)")
'''

PROBE = '''\
"""TODO: what holds at run time of a policy that keeps the clause."""

from ..harness import Bench, BrokenClauseError

HINT = "TODO: how to mend a policy that breaks the clause"


def probe(bench: Bench) -> str:
    raise BrokenClauseError("TODO: run bench.policy(), and say what was measured")
'''

CASE = """\
# TODO: {what}
from tensordict import TensorDict
from torch import nn


class Agent(nn.Module):
    def __init__(self, env, **kwargs):
        super().__init__()
        self.lstm = nn.LSTM(8, 8)
        self.head = nn.Linear(8, 1)

    def forward(self, td: TensorDict, state=None, action=None):
        hidden, _ = self.lstm(td["env_obs"].float())
        td["values"] = self.head(hidden){mark}
        return td
"""


def layout(code: str, name: str, family: str, fix: str, probe: bool) -> dict[str, str]:
    """The files of a new rule: path from the top of the tree -> text."""
    file = name.replace("-", "_")
    title = name.title().replace("-", "")
    cases = f"tests/rules/{family}/{file}"
    safety = {"safe": "Safe:", "unsafe": "Unsafe:", "none": "None:"}[fix]
    files = {
        f"rules/{family}/{file}.py": RULE.format(title=title, code=code, name=name, safety=safety),
        f"{cases}/good_near_miss.py": CASE.format(what="almost the defect; seven more such cases", mark=""),
        f"{cases}/bad_plain.py": CASE.format(
            what="the defect; four more such cases", mark=f"  # expect: {code}"
        ),
    }
    if fix != "none":
        files[f"codemods/{family}/{file}.py"] = CODEMOD.format(title=title, code=code, tier=fix.upper())
    if probe:
        files[f"runtime/checker/probes/pv{code[2:]}_{file}.py"] = PROBE
    return files


def families(root: Path) -> dict[str, str]:
    """Folder -> the first letters of its codes, as the first line of its package says: `PF2: ...`."""
    found = {}
    for package in sorted(root.glob("rules/*/__init__.py")):
        if said := re.match(r'"""(PF\d)', package.read_text(encoding="utf-8")):
            found[package.parent.name] = said[1]
    return found


def wrong(root: Path, code: str, name: str, family: str) -> str | None:
    """What speaks against a code, a name and a family; None where nothing does."""
    known = families(root)
    if family not in known:
        return f"there is no family {family}: it is one of {', '.join(known)}"
    if not re.fullmatch(r"PF\d{3}", code) or not code.startswith(known[family]):
        return f"{code} is no code of {family}: those are {known[family]} and two digits"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name):
        return f"{name} is no name: two or more words of small letters, with hyphens between"
    for rule in root.glob("rules/*/*.py"):
        text = rule.read_text(encoding="utf-8")
        if f'code = "{code}"' in text or f'name = "{name}"' in text:
            return f"{rule.relative_to(root)} has that code or name already"
    return None


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="scaffold", description="Lay out a new rule.")
    parser.add_argument("code", help="PF and three digits")
    parser.add_argument("name", help="the defect in words: frozen-normaliser")
    parser.add_argument("family", help="the folder under rules/")
    parser.add_argument("--fix", choices=("safe", "unsafe", "none"), default="safe")
    parser.add_argument("--probe", action="store_true", help="lay out the probe of the same number, too")
    given = parser.parse_args(arguments)
    if (reason := wrong(root, given.code, given.name, given.family)) is not None:
        parser.error(reason)
    files = layout(given.code, given.name, given.family, given.fix, given.probe)
    if taken := [path for path in files if (root / path).exists()]:
        parser.error(f"{', '.join(taken)} exists already")
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        print(path)
    print(f"\nfill them in until this passes: .venv/bin/pytest tests/rules -k {given.name.replace('-', '_')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
