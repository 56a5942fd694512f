"""Work beside the main work, in a process of its own."""

from __future__ import annotations

import gc
import os
import pickle
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def aside(work: Callable[[], T]) -> Callable[[], T]:
    """Starts work that returns something picklable and leaves nothing behind; call what comes back for its
    result. Where no second process can be had, the work is done then."""
    if not hasattr(os, "fork"):
        return work
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return work
    if child == 0:
        _serve(work, writing)
    os.close(writing)

    def join() -> T:
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        return pickle.loads(answer) if answer else work()

    return join


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
