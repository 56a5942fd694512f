"""The vocabulary that rules are written in."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from policyfix.subjects import Subject
from policyfix.trace import Place

PACKAGE = "policyfix.rules"
ENTRY_POINTS = "policyfix.rules"  # packages of third-party rules

S = TypeVar("S", bound=Subject)


class Severity(StrEnum):
    """How bad a defect is: an error breaks training, a warning weakens it."""

    ERROR = "error"
    WARNING = "warning"


class Tier(StrEnum):
    """A safe fix adds what is missing; an unsafe one changes numbers that a user may rely on."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True)
class Fix:
    """What a codemod offers for a finding."""

    tier: Tier
    title: str


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A defect that is certain. Sorts by place. `unfixed` says why no fix is offered."""

    path: str
    line: int
    column: int
    code: str
    name: str
    severity: Severity
    message: str
    end_line: int
    end_column: int
    symbol: str  # class or function as written: `Fast`, `Fast.forward`
    subject: str  # the subject that is at fault, and its file
    subject_path: str
    elsewhere: str | None = None  # the file with the code at fault, where it is not among the checked ones
    fix: Fix | None = None
    unfixed: str | None = None

    def offered(self, fix: Fix | None, unfixed: str | None) -> Finding:
        return replace(self, fix=fix, unfixed=unfixed)

    def renamed(self, path: str) -> Finding:
        return replace(self, path=path)

    def moved(self, place: Place) -> Finding:
        """The same defect, shown at another place."""
        span = place.span
        return replace(
            self,
            path=place.path,
            line=span.line,
            column=span.column,
            end_line=span.end_line,
            end_column=span.end_column,
            symbol=place.symbol,
            message=f"{self.message} (in {self.path}:{self.line})",
            elsewhere=self.path,
        )


class Rule(ABC, Generic[S]):
    """One clause of the contract. The docstring of a rule is its page."""

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    preview: ClassVar[bool] = False  # off by default: not yet free of false alarms
    on: ClassVar[type]  # the kind of subject that it asks, from `Rule[PolicyClass]`

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        for base in getattr(cls, "__orig_bases__", ()):
            kinds = get_args(base)
            if get_origin(base) is Rule and isinstance(kinds[0], type):
                cls.on = kinds[0]

    @abstractmethod
    def check(self, subject: S, /) -> Iterator[Finding]:
        """The defects of one subject; nothing where the answer is not certain."""

    def finding(self, place: Place, message: str, subject: Subject) -> Finding:
        return Finding(
            path=place.path,
            line=place.span.line,
            column=place.span.column,
            code=self.code,
            name=self.name,
            severity=self.severity,
            message=message,
            end_line=place.span.end_line,
            end_column=place.span.end_column,
            symbol=place.symbol,
            subject=subject.name,
            subject_path=subject.path,
        )

    @classmethod
    def page(cls) -> str:
        """The rule's page: what, why, bad, good."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """The first line of the page."""
        return cls.page().partition("\n")[0]


@cache
def discover() -> tuple[type[Rule[Any]], ...]:
    """Every rule: ours and those of installed packages, by code."""
    found = {r.code: r for module in modules_of(PACKAGE, ENTRY_POINTS) for r in _defined(module)}
    return tuple(found[code] for code in sorted(found))


def modules_of(package: str, group: str) -> Iterator[ModuleType]:
    """All modules of a package and of the packages that an entry-point group names."""
    roots = [importlib.import_module(package)]
    roots += [point.load() for point in entry_points(group=group)]
    for root in roots:
        yield root
        for info in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
            yield importlib.import_module(info.name)


def _defined(module: ModuleType) -> Iterator[type[Rule[Any]]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__:
            yield value
