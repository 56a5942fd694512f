from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects.suppressed import SuppressedFile


class UnusedSuppression(Rule[SuppressedFile]):
    """A comment silences a rule that has nothing to say there.

    ## What it does
    Reports a suppression of a rule that ran and found nothing in the lines that the comment speaks of. Stays
    silent where single files were given, as in a hook: the class that makes a defect out of the line may
    stand in another file. Also reports a suppression that does not count because the settings require a
    reason.

    ## Why it matters
    The comment outlives the defect. It tells readers of a problem that is gone, and silences the next one.

    ## Example
    ```python
    with torch.no_grad():
        out, self._state = self.lstm(x, self._state)  # policyfix: ignore[PF201] -- detached below
    ```

    ## Use instead
    ```python
    with torch.no_grad():
        out, self._state = self.lstm(x, self._state)
    ```

    ## Fix safety
    Safe: only the comment changes. Where it gives no reason and needs one, nothing is changed.

    ## Source
    The habit of ruff's RUF100 and mypy's `warn_unused_ignores`.
    """

    code = "PF900"
    name = "unused-suppression"
    severity = Severity.WARNING

    def check(self, file: SuppressedFile) -> Iterator[Finding]:
        for suppression in file.suppressions:
            place = file.place(suppression)
            if file.lacks_reason(suppression):
                message = "does not count: the settings require a reason, written after --"
                yield self.finding(place, message, file)
            elif idle := file.idle(suppression):
                silences = "silences" if len(idle) == 1 else "silence"
                message = f"{', '.join(idle)} {silences} nothing here: the comment is out of date"
                yield self.finding(place, message, file)
