"""Answers about the code that is checked: each is found once, and forgotten when the next check begins."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

_forgets: list[Callable[[], None]] = []


def remembered(function: F) -> F:
    """`function`, which is asked once for the same arguments in a check. Kept for good, as by `cache`, its
    answers would hold every project in memory that a process has ever checked."""
    kept = cache(function)
    _forgets.append(kept.cache_clear)
    return kept  # type: ignore[return-value]


def forget() -> None:
    for each in _forgets:
        each()
