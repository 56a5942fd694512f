"""What is said of what was found: suppressions, rules that are silent in some files, severities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from policyfix import sources, suppressions
from policyfix.contract import Contract
from policyfix.record import record
from policyfix.rule import Finding, Severity, discover
from policyfix.subjects.suppressed import SuppressedFile
from policyfix.suppressions import Suppression


@record()
class Screen:
    """Stands between the rules and the report. `silent` holds globs, relative to `root`, with the codes that
    are not reported in the files that they match."""

    silent: tuple[tuple[str, frozenset[str]], ...] = ()
    severities: Mapping[str, Severity] = MappingProxyType({})
    require_reason: bool = False
    root: Path = Path()
    # Only single files were given. The class that makes a defect out of a line, and so use of a suppression,
    # may then stand in a file that nobody looked at.
    is_partial: bool = False

    def pass_on(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings that are not silenced by the settings, as severe as the settings say."""
        return [
            replace(f, severity=self.severities.get(f.code, f.severity))
            for f in findings
            if f.code not in self._silent_in(f.path) | self._silent_in(f.spot.path)
        ]

    def _silent_in(self, path: str) -> frozenset[str]:
        codes = (c for glob, c in self.silent if sources.matches(Path(path), (glob,), self.root))
        return frozenset[str]().union(*codes)

    def suppress(
        self,
        findings: Iterable[Finding],
        files: Iterable[tuple[str, sources.Source]],
        ran: frozenset[str],
        contract: Contract,
        beside: Iterable[tuple[str, sources.Source]] = (),
    ) -> tuple[list[Finding], list[SuppressedFile]]:
        """The findings that no comment silences, and the files with such comments. `ran` holds the codes of
        the rules that have looked at the whole project. Files that were not given, but hold code at fault,
        stand `beside` them: their comments silence, and are not judged."""
        known = {name: rule.code for rule in discover() for name in (rule.code, rule.name)}
        found = list(findings)
        silenced: set[Finding] = set()
        commented: list[SuppressedFile] = []
        given = list(files)
        for path, source in (*given, *beside):
            if suppressions.MARKER not in source.data:
                continue
            written = suppressions.read(source.text)
            if not written:
                continue
            used: set[tuple[Suppression, str]] = set()
            for each in written:
                if self.require_reason and each.reason is None:
                    continue
                codes = {known[name] for name in each.names if name in known}
                hit = [f for f in found if f.code in codes and _is_covered(f, each, path)]
                silenced.update(hit)
                used |= {(each, f.code) for f in hit}
            if (path, source) not in given:
                continue
            judged = frozenset() if self.is_partial else ran - self._silent_in(path)
            commented.append(
                SuppressedFile(path, contract, written, known, judged, frozenset(used), self.require_reason)
            )
        return [f for f in found if f not in silenced], commented


def _is_covered(finding: Finding, suppression: Suppression, path: str) -> bool:
    """Whether a comment in a file speaks of a finding where it is shown, or where its code stands."""
    places = ((finding.path, finding.line), (finding.spot.path, finding.spot.line))
    return any(where == path and suppression.covers(line) for where, line in places)
