"""Sources before and after one rule's fixes, and what comes of it where they are run beside each other."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from checkout import ROOT

from policyfix import contract, engine, rule
from policyfix.finding import Finding
from policyfix.rewrite import rewrite

Case = tuple[str, str, str]  # kind of policy, source before, source after


def laid(folder: Path, policy: str, *body: str) -> Path:
    """A file with a policy whose method has that body, in place of `{body}`."""
    path = folder / "case.py"
    path.write_text(policy.format(body=textwrap.indent("\n".join(body), " " * 8)))
    return path


def findings(path: Path, code: str) -> list[Finding]:
    return engine.check([path], contract.load(), [r for r in rule.discover() if r.code == code]).findings


def mended(path: Path, code: str, unsafe: bool = False) -> str:
    """The source after a rewrite. Then the rule is silent, and a second rewrite changes nothing."""
    rules = [r for r in rule.discover() if r.code == code]
    if unsafe:
        assert rewrite([path], contract.load(), rules=rules).changes == []
    (change,) = rewrite([path], contract.load(), rules=rules, unsafe=unsafe).changes
    path.write_bytes(change.after)
    assert findings(path, code) == []
    assert rewrite([path], contract.load(), rules=rules, unsafe=True).changes == []
    return change.after.decode()


def is_left(path: Path, code: str, reason: str) -> bool:
    """Whether nothing is offered for any finding, for that reason."""
    found = findings(path, code)
    return bool(found) and all(f.fix is None and reason in (f.unfixed or "") for f in found)


def complaints(cases: Mapping[str, Case]) -> dict[str, str]:
    """What is wrong with each case, in one process that imports torch; "" for one that is right."""
    script = ROOT / "tests" / "data" / "codemods" / "run_mended.py"
    done = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(cases), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found
