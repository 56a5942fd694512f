"""Which rules run, and what is told of their findings: what settings say, once the rules are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policyfix.config import ConfigError, Settings, did_you_mean
from policyfix.rule import Rule, Severity
from policyfix.screen import Screen

RuleType = type[Rule[Any]]
ALL = "ALL"


def choose(settings: Settings, rules: Iterable[RuleType]) -> tuple[RuleType, ...]:
    """The rules that the settings select. Raises `ConfigError` for a selector that names none.

    Of the selectors that match a rule the longest decides: `select = ["PF2"]` with `ignore = ["PF205"]` runs
    the other rules of the family. Of two that are equally exact, `ignore` decides.
    """
    known = tuple(rules)
    for key in ("select", "extend_select", "ignore"):
        for selector in getattr(settings, key):
            _matched(selector, known, settings.of(key.replace("_", "-")))
    return tuple(r for r in known if _runs(r, settings))


def screen(settings: Settings, rules: Iterable[RuleType], is_partial: bool) -> Screen:
    """What the settings say about findings. `rules` are all that there are. Raises `ConfigError`."""
    known = tuple(rules)

    def codes(selectors: Iterable[str], where: str) -> frozenset[str]:
        return frozenset(r.code for s in selectors for r in _matched(s, known, settings.of(where)))

    return Screen(
        silent=tuple(
            (glob, codes(names, f"per-file-ignores.{glob!r}"))
            for glob, names in settings.per_file_ignores.items()
        ),
        severities={
            code: Severity(severity)
            for selector, severity in sorted(settings.severity.items(), key=lambda item: len(item[0]))
            for code in codes([selector], "severity")  # the longer selector is the more exact one
        },
        require_reason=settings.require_reason,
        root=settings.root,
        is_partial=is_partial,
    )


def _matched(selector: str, rules: tuple[RuleType, ...], where: str) -> list[RuleType]:
    matched = [rule for rule in rules if _exactness(selector, rule)]
    if not matched:
        hint = did_you_mean(selector, [name for rule in rules for name in (rule.code, rule.name)])
        raise ConfigError(f"{where}: no rule is called {selector}{hint}")
    return matched


def _runs(rule: RuleType, settings: Settings) -> bool:
    default = (ALL,) if not settings.select else ()
    wanted = max(
        (_exactness(s, rule) for s in (*default, *settings.select, *settings.extend_select)), default=0
    )
    unwanted = max((_exactness(s, rule) for s in settings.ignore), default=0)
    # Who names a preview rule in full has decided; a prefix or a default has not.
    allowed = settings.preview or not rule.preview or wanted == _EXACT
    return allowed and wanted > unwanted


_EXACT = 100


def _exactness(selector: str, rule: RuleType) -> int:
    """How exactly a selector names a rule; 0 where it does not."""
    if selector in (rule.code, rule.name):
        return _EXACT
    if selector == ALL:
        return 1
    is_prefix = len(selector) > 1 and rule.code.startswith(selector)
    return len(selector) if is_prefix else 0
