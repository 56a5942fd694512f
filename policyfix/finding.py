"""What a check says: findings, problems, and the result that holds them. Plain data, quick to load."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from policyfix import sources
from policyfix.record import record

if TYPE_CHECKING:
    from policyfix.subjects import Subject
    from policyfix.texts import Grounds
    from policyfix.trace import Place


class Severity(StrEnum):
    """How bad a defect is: an error breaks training, a warning weakens it."""

    ERROR = "error"
    WARNING = "warning"


class Tier(StrEnum):
    """A safe fix adds what is missing; an unsafe one changes numbers that a user may rely on."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@record()
class Fix:
    """What a codemod offers for a finding."""

    tier: Tier
    title: str


@record()
class Spot:
    """Where code stands."""

    path: str
    line: int
    symbol: str


@record()
class Finding:
    """A defect that is certain. `unfixed` says why no fix is offered."""

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
    elsewhere: Spot | None = None  # the code at fault, where its file is not among the checked ones
    fix: Fix | None = None
    unfixed: str | None = None

    @property
    def spot(self) -> Spot:
        """The code at fault, wherever the finding is shown."""
        return self.elsewhere or Spot(self.path, self.line, self.symbol)

    def offered(self, fix: Fix | None, unfixed: str | None) -> Finding:
        return replace(self, fix=fix, unfixed=unfixed)

    def renamed(self, path: str) -> Finding:
        return replace(self, path=path)

    def moved(self, place: Place) -> Finding:
        """The same defect, shown at another place than where the code at fault stands."""
        there = os.path.relpath(self.path)
        message = f"{self.message} (in {there}:{self.line})"
        return replace(self._at(place), message=message, elsewhere=Spot(there, self.line, self.symbol))

    def blamed(self, place: Place) -> Finding:
        """The same defect, of which the code at another place is the cause."""
        return replace(self._at(place), message=f"{self.message} (in {self.symbol})")

    def _at(self, place: Place) -> Finding:
        span = place.span
        return replace(
            self,
            path=place.path,
            line=span.line,
            column=span.column,
            end_line=span.end_line,
            end_column=span.end_column,
            symbol=place.symbol,
        )


@record()
class Problem:
    """A file that was not checked, or not wholly: never a green run.

    ## What it does
    Reports a file that cannot be read, decoded or parsed, one that is a notebook or too large to be followed,
    and an error of policyfix itself. It is no rule: it cannot be ignored, silenced or put into a baseline.

    ## Why it matters
    A check that passes a file over and says nothing looks like a check that found nothing. The exit status is
    2 wherever a file was not checked, whatever else was found.

    ## Use instead
    Mend the file, or leave it out by `exclude` in the settings. Please report an error of policyfix itself.
    """

    path: str
    line: int | None
    message: str
    code: ClassVar[str] = "PF901"


@dataclass(slots=True)
class Result:
    """What a check found, and what it could not look at."""

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    subjects: dict[tuple[str, str], Subject] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)  # files looked at beyond the checked files, found or not
    grounds: Grounds | None = None
    overlay: Mapping[Path, sources.Source] = field(default_factory=dict)  # texts that are not on disk
    known: int = 0  # findings that a baseline holds: not listed
    stale: tuple[str, ...] = ()  # what a baseline holds and nobody finds any more

    def lines(self, path: str) -> list[str]:
        """The lines of a checked file, as Python counts them; none where it is gone meanwhile."""
        try:
            source = self.overlay.get(Path(path).absolute()) or sources.read(Path(path))
        except sources.SourceError:
            return []
        return source.lines()

    @property
    def exit_code(self) -> int:
        if self.problems:
            return 2
        return 1 if self.findings else 0
