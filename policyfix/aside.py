"""Work beside the main work, in processes of its own."""

from __future__ import annotations

import gc
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from select import select
from typing import Generic, TypeVar

T = TypeVar("T")

# Pieces of a queue: their numbers fill no pipe, whatever the system.
_PIECES = 4_000


class Queue(Generic[T]):
    """Things to do, in order: processes that were forked from the one that made it take turns, and none takes
    what another has taken."""

    def __init__(self, things: Sequence[T]) -> None:
        self._things = things
        self._size = max(1, -(-len(things) // _PIECES))  # of a piece
        reading, writing = os.pipe()
        self._numbers = open(reading, "rb", buffering=0)  # noqa: SIM115 - closed when the last is taken
        with open(writing, "wb") as pipe:
            for start in range(0, len(things), self._size):
                pipe.write(start.to_bytes(4, "big"))

    def __iter__(self) -> Iterator[T]:
        while not self._numbers.closed and (number := self._numbers.read(4)):
            start = int.from_bytes(number, "big")
            yield from self._things[start : start + self._size]
        self._numbers.close()


class Aside(Generic[T]):
    """Work that another process has begun: something that returns what can be pickled, and leaves nothing
    behind. Where no other process can be had, or it dies, the work is done when its result is asked for;
    `again`, where doing it twice takes more than to call it once more."""

    def __init__(self, work: Callable[[], T], again: Callable[[], T] | None = None) -> None:
        self._work, self._again = work, again or work
        self._child: int | None = None
        if not hasattr(os, "fork"):
            return
        self._reading, writing = os.pipe()
        try:
            self._child = os.fork()
        except OSError:
            os.close(self._reading)
        if self._child == 0:
            _serve(work, writing)
        os.close(writing)

    @property
    def is_done(self) -> bool:
        """Whether the other process has done its work, or there is none."""
        return self._child is None or bool(select([self._reading], [], [], 0)[0])

    def result(self) -> T:
        if self._child is None:
            return self._work()
        with os.fdopen(self._reading, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(self._child, 0)
        return pickle.loads(answer) if answer else self._again()


def _serve(work: Callable[[], object], writing: int) -> None:
    """The child's life: the work, its result through the pipe, nothing else. What fails here is done again,
    and said, by the parent."""
    gc.disable()
    try:
        answer = pickle.dumps(work())
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)
