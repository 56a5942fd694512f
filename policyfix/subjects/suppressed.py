"""A file with comments that silence findings, after all other rules have spoken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from policyfix.config import did_you_mean
from policyfix.contract import Contract
from policyfix.facts.ir import Span
from policyfix.record import record
from policyfix.suppressions import Suppression
from policyfix.trace import Place


@record()
class SuppressedFile:
    """What the suppressions of a file name, and which of that was of use."""

    who: ClassVar[str] = "files with comments for policyfix"

    path: str
    contract: Contract
    suppressions: tuple[Suppression, ...]
    known: Mapping[str, str]  # every code and name of a rule -> its code
    ran: frozenset[str]  # codes of the rules that have looked at the whole project, this file included
    used: frozenset[tuple[Suppression, str]]  # with the code of a finding that it silences
    require_reason: bool = False

    @property
    def name(self) -> str:
        return ""

    @property
    def header(self) -> Place:
        return self.place(self.suppressions[0])

    @property
    def inherits_from(self) -> tuple[tuple[str, str], ...]:
        return ()

    def place(self, suppression: Suppression) -> Place:
        return Place(self.path, "", Span(*suppression.range))

    def lacks_reason(self, suppression: Suppression) -> bool:
        """Whether it does not count for want of a reason."""
        return self.require_reason and suppression.trouble is None and suppression.reason is None

    def idle(self, suppression: Suppression) -> tuple[str, ...]:
        """The names in it that silence nothing although their rules have run."""
        if suppression.trouble is not None:
            return ()
        return tuple(
            name
            for name in suppression.names
            if self.known.get(name) in self.ran and (suppression, self.known[name]) not in self.used
        )

    def unknown(self, suppression: Suppression) -> dict[str, str]:
        """The names in it that no rule has -> a hint at what may be meant."""
        return {n: did_you_mean(n, self.known) for n in suppression.names if n not in self.known}
