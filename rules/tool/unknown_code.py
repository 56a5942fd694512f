from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects.suppressed import SuppressedFile


class UnknownCode(Rule[SuppressedFile]):
    """A suppression names no rule, or is not understood.

    ## What it does
    Reports a comment that is meant to silence a rule and cannot: a code or name that no rule has, an empty
    list, a misspelled word, or text where the reason should be. In settings and options the same mistake is
    an error.

    ## Why it matters
    The comment looks like a decision and is none: what it should silence is still reported, or will be.

    ## Example
    ```python
    self._state = state  # policyfix: ignore[PF2O1]
    ```

    ## Use instead
    ```python
    self._state = state  # policyfix: ignore[PF201] -- the caller detaches it
    ```

    ## Fix safety
    None: only the author knows which rule is meant.

    ## Source
    The documentation of policyfix: a suppression lists codes or names of rules.
    """

    code = "PF902"
    name = "unknown-code"
    severity = Severity.WARNING

    def check(self, file: SuppressedFile) -> Iterator[Finding]:
        for suppression in file.suppressions:
            place = file.place(suppression)
            if suppression.trouble is not None:
                yield self.finding(place, suppression.trouble, file)
            for name, hint in file.unknown(suppression).items():
                yield self.finding(place, f"no rule is called {name}{hint}", file)
