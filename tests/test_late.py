"""A late module runs when it is first used, and is the same for all who import it."""

import importlib
import sys
from pathlib import Path

import pytest

from policyfix.late import late


def test_a_late_module_runs_once_and_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "slow_one"
    package.mkdir()
    (package / "__init__.py").write_text("from slow_one.part import said\nprint('runs')\nvalue = said + 1\n")
    (package / "part.py").write_text("said = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    ran: list[str] = []
    monkeypatch.setattr("builtins.print", ran.append)
    module = late("slow_one")
    assert importlib.import_module("slow_one") is module is late("slow_one")
    import slow_one  # type: ignore[import-not-found]

    assert not ran
    assert (slow_one.value, module.value, ran) == (2, 2, ["runs"])
    assert not hasattr(module, "nothing")
    for name in [n for n in sys.modules if n.startswith("slow_one")]:
        monkeypatch.delitem(sys.modules, name)


def test_a_module_that_does_not_exist_is_said_to_be_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        late("no_such_module_anywhere")
