"""Recurrent cells that a project writes itself: what they are known by, in one of their calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policyfix.record import record
from policyfix.values import (
    NONE,
    Const,
    Group,
    Term,
    Value,
    group,
    hands_on_states,
    is_module,
    is_zeros,
    options,
    parts,
    reach,
    walk,
)

# What a gate lets through is between nothing and all.
_GATES = frozenset({"sigmoid", "Sigmoid", "hardsigmoid", "Hardsigmoid", "softplus", "Softplus", "sigmoid_"})


@record()
class Step:
    """A call of a cell: its input, the state that it goes on from, and whether that is a pair of h and c; and
    the output that it gives beside the new state."""

    given: Value
    state: Value
    is_pair: bool
    output: Value | None


def step(arguments: Iterable[Value], result: Value, cell: Value) -> Step | None:
    """What a call of code of the project is as a step of a cell: it is given an input and a state, which was
    kept, is new or came out of an earlier step, and gives a new state that gates made of the old one."""
    given = [value for value in arguments if not is_module(value)]
    states = [value for value in given if _is_state(value, cell)]
    inputs = [value for value in given if value not in states]
    if len(inputs) != 1 or len(states) not in (1, 2):
        return None
    state = states[0] if len(states) == 1 else group(states)
    earlier = set(_sources(state, cell))
    made: tuple[Value, ...] = result.items if isinstance(result, Group) else (result,)
    output = None
    if len(made) == 2 and (isinstance(made[1], Group) or not _is_pair(state, earlier, result)):
        output, new = made
        made = new.items if isinstance(new, Group) else (new,)
    if len(made) > 2 or not all(_is_gated(value, earlier) for value in made):
        return None
    return Step(inputs[0], state, len(made) == 2, output)


def _is_state(value: Value, cell: Value) -> bool:
    return value == NONE or any(True for _ in _sources(value, cell))


def _sources(value: Value, cell: Value) -> Iterator[Term]:
    """What was kept, is new, or came out of an earlier step, in a value that may be a state."""

    def onward(part: Value) -> Iterable[Value]:
        return parts(part) if not isinstance(part, Term) or hands_on_states(part) else ()

    for part in reach(value, onward):
        if isinstance(part, Term) and (
            part.op == "earlier" or is_zeros(part) or (part.op == "core" and part.args[0] is cell)
        ):
            yield part


def _is_pair(state: Value, earlier: set[Term], result: Value) -> bool:
    """Whether a state is h and c: there are two, or a cell takes both out of one."""
    if any(isinstance(option, Group) and len(option.items) == 2 for option in options(state)):
        return True
    taken = (part.args for part in walk(result) if isinstance(part, Term) and part.op == "index")
    return any(whole in earlier and index == Const(1) for whole, index, *_ in taken)


def _is_gated(new: Value, earlier: set[Term]) -> bool:
    """Whether a new state is made of the earlier one, and of gates."""
    made_of = [part for part in walk(new) if isinstance(part, Term)]
    goes_on = any(part in earlier or (not earlier and is_zeros(part)) for part in made_of)
    return goes_on and any(part.op.removeprefix("new:").rpartition(".")[2] in _GATES for part in made_of)
