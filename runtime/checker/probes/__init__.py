"""One file a probe. `pv101_stamps.py` is the probe PV101, called stamps: the file's name is the register.

A probe module has `HINT` (what to do about a failure) and `probe(bench) -> str`, which returns the evidence
of a pass, or raises `BrokenClauseError` with the evidence, or `NotApplicableError` with the reason.
"""

from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


@dataclass(frozen=True, slots=True)
class ProbeName:
    """A probe's code, name and module, known without importing it."""

    code: str  # PV101
    name: str  # stamps
    module: str  # pv101_stamps

    @property
    def rule(self) -> str | None:
        """The rule that sees the same clause in the source; PV110 to PV120 have none."""
        return None if 110 <= int(self.code[2:]) <= 120 else f"PF{self.code[2:]}"

    def load(self) -> ModuleType:
        """Import the probe. Needs torch."""
        return import_module(f".{self.module}", __name__)


def probe_names() -> list[ProbeName]:
    """Every probe of this folder, by code. Imports none of them."""
    modules = sorted(module.name for module in iter_modules(__path__))
    return [_named(module) for module in modules]


def _named(module: str) -> ProbeName:
    code, _, name = module.partition("_")
    return ProbeName(code.upper(), name.replace("_", "-"), module)
