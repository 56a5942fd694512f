"""What things hold on paths that part and come together again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policyfix.heap import Heap, joined
from policyfix.values import NONE, UNKNOWN, Const, Thing, either, group

THINGS = [Thing("dict"), Thing("list"), Thing("instance")]
NAMES = ["a", "b", "*"]

changes = st.lists(
    st.tuples(st.sampled_from(THINGS), st.sampled_from(NAMES), st.one_of(st.none(), st.integers(0, 3)))
)


def _apply(
    heap: Heap, model: dict[tuple[Thing, str], int], todo: list[tuple[Thing, str, int | None]]
) -> None:
    for thing, name, number in todo:
        if number is None:
            heap.drop(thing, name)
            model.pop((thing, name), None)
        else:
            heap.put(thing, name, Const(number))
            model[(thing, name)] = number


def _shown(heap):
    return {(thing, name): held.value for thing, name, held in heap.items() if isinstance(held, Const)}


@given(changes, changes, changes)
def test_a_copy_and_what_it_was_made_of_change_apart(before, left, right):
    heap, model = Heap(), {}
    _apply(heap, model, before)
    copied, other = heap.copy(), dict(model)
    _apply(heap, model, left)
    _apply(copied, other, right)
    assert _shown(heap) == model
    assert _shown(copied) == other


@given(changes, changes, changes, changes)
def test_paths_that_join_hold_what_either_held_and_are_changed_alone(before, left, right, after):
    start, model = Heap(), {}
    _apply(start, model, before)
    one, two = start.copy(), start.copy()
    first, second = dict(model), dict(model)
    _apply(one, first, left)
    _apply(two, second, right)
    whole = joined([one, two])
    for thing in THINGS:
        for name in NAMES:
            numbers = {m[(thing, name)] for m in (first, second) if (thing, name) in m}
            if numbers and thing.kind == "dict":  # it may be among those whose keys are not known
                numbers |= {
                    m[(thing, "*")] for m in (first, second) if (thing, name) not in m and (thing, "*") in m
                }
            expected = either(map(Const, numbers)) if numbers else None
            assert whole.get(thing, name) is expected
    _apply(whole, {}, after)
    assert _shown(one) == first
    assert _shown(two) == second


def test_what_holds_a_value_is_found_where_it_is_one_of_several():
    first, second, other = THINGS
    heap = Heap()
    heap.put(first, "a", either([NONE, second]))
    heap.put(second, "*", other)
    heap.put(other, "b", UNKNOWN)
    assert [(thing, name) for thing, name, _ in heap.holding([second])] == [(first, "a")]
    assert [(thing, name) for thing, name, _ in heap.holding([second, other])] == [
        (first, "a"),
        (second, "*"),
    ]


def test_contents_go_through_containers_and_end_where_they_hold_themselves():
    outer, inner, _ = THINGS
    heap = Heap()
    heap.put(outer, "a", group([Const(1), inner]))
    heap.put(inner, "*", outer)
    assert set(heap.contents(outer)) == {outer, inner, heap.get(outer, "a"), Const(1)}
    heap.clear(inner)
    assert heap.contents(inner) == [inner]
