"""One policy with known defects, written in ways that mean the same: the findings are the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from policyfix import contract, engine

DATA = Path(__file__).parent / "data" / "packagings"
POLICY = (DATA / "policy.py").read_text()
PACKAGINGS = yaml.safe_load((DATA / "packagings.yaml").read_text())
DEFECTS = frozenset(
    "PF101 PF104 PF105 PF106 PF201 PF202 PF204 PF206 PF207 PF208 PF209 PF302 PF305 PF401 PF406 PF503 PF701 "
    "PF702 PF704".split()
)


def packed(packaging: dict[str, Any]) -> str:
    source = POLICY
    for edit in packaging.get("edits", ()):
        before = source
        if "pattern" in edit:
            source = re.sub(edit["pattern"], edit["new"], source)
        else:
            source = source.replace(edit["old"], edit["new"])
        assert source != before, edit
    return source.replace("\n\n\n", f"\n\n\n{packaging.get('above', '')}\n\n\n", 1)


def found(root: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    (root / ".git").mkdir()
    for name, source in files.items():
        compile(source, name, "exec")
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(source)
    monkeypatch.chdir(root)
    result = engine.check([Path()], contract.load())
    assert result.problems == []
    return {finding.code for finding in result.findings}


def test_the_policy_has_these_defects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(tmp_path, {"policy.py": POLICY}, monkeypatch) == DEFECTS


@pytest.mark.parametrize("packaging", PACKAGINGS, ids=lambda packaging: packaging["name"])
def test_they_are_found_however_it_is_packed(
    packaging: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defects = found(tmp_path, {"policy.py": packed(packaging)}, monkeypatch)
    assert defects == DEFECTS - set(packaging.get("hides", ()))


def test_they_are_found_across_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {p["name"]: p for p in PACKAGINGS}
    helper, keys, mixin = (named[name] for name in ("helper", "keys of a class", "mixin"))
    edits = [edit for packaging in (helper, keys, mixin) for edit in packaging["edits"]]
    imports = "from . import base, keys\nfrom .base import encode\nfrom .keys import Key"
    files = {
        "agents/__init__.py": "from .base import *\nfrom .policy import Forager\n",
        "agents/base.py": f"{helper['above']}\n\n{mixin['above']}",
        "agents/keys.py": keys["above"],
        "agents/policy.py": packed({"above": imports, "edits": edits}).replace("(Memory,", "(base.Memory,"),
    }
    assert found(tmp_path, files, monkeypatch) == DEFECTS
