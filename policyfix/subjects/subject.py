"""What every subject has: a name, a file, a place to stand at."""

from __future__ import annotations

from typing import ClassVar, Protocol

from policyfix.contract import Contract
from policyfix.trace import Place


class Subject(Protocol):
    """Something of the user's that rules ask about: a policy class, a trainer loop, a factory, a config."""

    who: ClassVar[str]  # what becomes a subject of this kind, in words

    @property
    def contract(self) -> Contract: ...

    @property
    def name(self) -> str:
        """As written: a class or function by its qualified name."""
        ...

    @property
    def path(self) -> str:
        """The file that it stands in."""
        ...

    @property
    def header(self) -> Place:
        """Where a finding about something missing stands."""
        ...

    @property
    def inherits_from(self) -> tuple[tuple[str, str], ...]:
        """(path, name) of subjects whose defects it shares: what they answer for is not said again here."""
        ...
