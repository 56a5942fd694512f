"""Whether files are Python at all: those that hold no subject are parsed for no other reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from mmap import mmap
from pathlib import Path

from policyfix.aside import aside
from policyfix.finding import Problem


class Proof:
    """Judges files from both ends of a list until the ends meet: this process from the end, once it has
    nothing else to do, and another from the start, if one may run `beside`."""

    def __init__(self, paths: Sequence[Path], judge: Callable[[Path], Problem | None], beside: bool) -> None:
        self._paths = paths
        self._judge = judge
        # How many were taken from the start, and where those taken from the end begin: both processes see it.
        self._taken = memoryview(mmap(-1, 16)).cast("Q")
        self._taken[1] = len(paths)
        self._others = aside(self._from_start) if beside else dict

    def finish(self) -> dict[Path, Problem]:
        """The problems of all files."""
        return self._from_end() | self._others()

    def _from_start(self) -> dict[Path, Problem]:
        found = {}
        for number, path in enumerate(self._paths):
            if number >= self._taken[1]:
                break
            self._taken[0] = number + 1
            if (problem := self._judge(path)) is not None:
                found[path] = problem
        return found

    def _from_end(self) -> dict[Path, Problem]:
        found = {}
        for number in reversed(range(len(self._paths))):
            if number < self._taken[0]:
                break
            self._taken[1] = number  # where both take the same one, it is judged twice, and none is left out
            if (problem := self._judge(self._paths[number])) is not None:
                found[self._paths[number]] = problem
        return found
