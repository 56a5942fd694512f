"""The vocabulary that rules are written in."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from policyfix.finding import Finding, Fix, Severity, Tier
from policyfix.subjects import Subject
from policyfix.trace import Place

__all__ = ["Finding", "Fix", "Rule", "Severity", "Tier", "discover", "modules_of"]

PACKAGE = "policyfix.rules"
ENTRY_POINTS = "policyfix.rules"  # packages of third-party rules
_ENTRY_POINTS_FILES = "*-info/entry_points.txt"
_GROUP = re.compile(rb"^\[(policyfix\.\w+)\]", re.MULTILINE)

S = TypeVar("S", bound=Subject)


class Rule(ABC, Generic[S]):
    """One clause of the contract. The docstring of a rule is its page."""

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    preview: ClassVar[bool] = False  # off by default: not yet free of false alarms
    on: ClassVar[type | UnionType]  # the kinds of subject that it asks, from `Rule[PolicyClass | Factory]`

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        for base in getattr(cls, "__orig_bases__", ()):
            kinds = get_args(base)
            if get_origin(base) is Rule and isinstance(kinds[0], (type, UnionType)):
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
    if group in _named_groups():
        from importlib.metadata import entry_points  # takes longer to load than all rules together

        roots += [point.load() for point in entry_points(group=group)]
    for root in roots:
        yield root
        for info in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
            yield importlib.import_module(info.name)


@cache
def _named_groups() -> frozenset[str]:
    """The entry-point groups of policyfix that some installed package may have a part in."""
    texts = (info.read_bytes() for folder in sys.path for info in Path(folder).glob(_ENTRY_POINTS_FILES))
    return frozenset(group.decode() for text in texts for group in _GROUP.findall(text))


def _defined(module: ModuleType) -> Iterator[type[Rule[Any]]]:
    for value in vars(module).values():
        # Of all that a module names, its own are few: whose child a class is takes longest to find out.
        if isinstance(value, type) and value.__module__ == module.__name__ and issubclass(value, Rule):
            yield value
