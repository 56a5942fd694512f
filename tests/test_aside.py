"""What processes share is done once and wholly, whoever takes it and whoever dies."""

import os
import time
from collections.abc import Iterable

import pytest

from policyfix.aside import Aside, Queue


def taken(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Who took what, at a pace that lets two take turns."""
    found = []
    for number in numbers:
        time.sleep(0.001)
        found.append((os.getpid(), number))
    return found


@pytest.mark.parametrize("busy", [0.0, 0.02, 0.2])  # seconds before this process takes part
def test_two_processes_take_everything_once(busy: float) -> None:
    queue = Queue(range(40))
    other = Aside(lambda: taken(queue))
    time.sleep(busy)
    both = taken(queue) + other.result()
    assert sorted(number for _, number in both) == list(range(40))


def test_both_take_a_part_and_in_order() -> None:
    queue = Queue(range(40))
    other = Aside(lambda: taken(queue))
    time.sleep(0.01)
    here, there = [number for _, number in taken(queue)], [number for _, number in other.result()]
    assert here
    assert there
    assert here == sorted(here)
    assert there == sorted(there)


@pytest.mark.parametrize("count", [0, 1, 3_999, 4_000, 4_001, 70_001])
def test_a_queue_of_any_length(count: int) -> None:
    queue = Queue(range(count))
    assert list(queue) == list(range(count))
    assert list(queue) == []


def test_work_that_dies_is_done_again_here() -> None:
    parent = os.getpid()

    def work() -> str:
        if os.getpid() != parent:
            os._exit(9)
        return "done"

    assert Aside(work).result() == "done"
    assert Aside(lambda: [1, 2]).result() == [1, 2]


def test_what_a_dead_process_took_from_a_queue_is_not_lost() -> None:
    parent, things = os.getpid(), list(range(9))

    def work(numbers: Iterable[int]) -> list[int]:
        done = []
        for number in numbers:
            if os.getpid() != parent and number == 5:
                os._exit(1)
            done.append(number)
        return done

    queue = Queue(things)
    other = Aside(lambda: work(queue), lambda: work(things))
    while not other.is_done:
        time.sleep(0.001)
    assert set(work(queue) + other.result()) == set(things)


def test_work_that_fails_says_so_here() -> None:
    def work() -> None:
        raise ValueError("no")

    process = Aside(work)
    with pytest.raises(ValueError, match="no"):
        process.result()


def test_whether_another_process_is_done() -> None:
    process = Aside(lambda: time.sleep(0.2))
    assert not process.is_done
    process.result()


def test_without_processes_the_work_is_done_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    queue = Queue(range(3))
    process = Aside(lambda: list(queue))
    assert process.is_done
    assert list(queue) == [0, 1, 2]
    assert process.result() == []
