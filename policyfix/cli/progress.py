"""How far a long run has come, on a terminal's error stream; nothing anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

PATIENCE = 1.5  # seconds that a run may take before it says anything
WIDTH = 30


class Progress:
    """Draws one line over and over."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._drawn = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._since < PATIENCE or now - self._drawn < 0.1:
            return
        self._drawn = now
        filled = WIDTH * done // max(total, 1)
        bar = "#" * filled + "-" * (WIDTH - filled)
        click.echo(f"\r[{bar}] {100 * done // max(total, 1):>3} %", nl=False, err=True)

    def clear(self) -> None:
        if self._drawn:
            click.echo("\r\x1b[K", nl=False, err=True)


@contextmanager
def progress() -> Iterator[Progress | None]:
    """Something to call with what is done and what there is; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    drawn = Progress()
    try:
        yield drawn
    finally:
        drawn.clear()
