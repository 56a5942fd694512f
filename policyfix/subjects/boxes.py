"""Boxes that observation tokens are written into: where, at which places, and how large they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from policyfix.record import record
from policyfix.subjects.policy import PolicyClass
from policyfix.trace import InPlace, KeyRead, Place
from policyfix.values import (
    VIEWS,
    Const,
    Group,
    Term,
    Value,
    argument,
    comes_from,
    is_tensordict,
    keyword,
    options,
    positional,
    storage,
    walk,
)

_SCATTERING = frozenset("scatter scatter_add scatter_reduce index_put index_add".split())
_ARITHMETIC = VIEWS | frozenset(
    "+ - * & >> << // % long int short to float type clone index where masked_fill torch.where mul add "
    "torch.add torch.mul torch.bitwise_and torch.bitwise_right_shift einops.rearrange detach each "
    "torch.clone torch.masked_fill torch.stack torch.cat".split()
)
NIBBLE = 16  # what four bits can say
BYTE = 256
ROOM = {"rows": NIBBLE, "columns": NIBBLE, "attributes": BYTE, "coordinates": BYTE}


@record()
class BoxWrite:
    """A write of `value` into `box` at places that are computed, not written in the source: along `dim` where
    the index is a flat one. `names`: what the function's own names stand for, where that is known."""

    place: Place
    box: Value
    index: Value
    value: Value
    dim: Value | None = None
    names: Mapping[str, Value] | None = None


def box_writes(policy: PolicyClass) -> Iterator[BoxWrite]:
    """Writes at computed places, in either mode."""
    for trace in policy.traces:
        for write in trace.of(InPlace):
            if write.how == "subscript" and isinstance(write.mask, Group):
                yield BoxWrite(write.place, write.target, write.mask, write.value, None, write.names)
            elif write.operation.removesuffix("_") in _SCATTERING and len(write.arguments) > 1:
                yield _scattered(write.operation, write.place, write.target, write.arguments, write.names)
    for term in policy.forward_terms:
        operation = term.op.removeprefix("torch.")
        if operation in _SCATTERING and len(term.args) > 2:
            place = policy.made(term)
            if place is not None:
                yield _scattered(operation, place, term.args[0], term.args[1:], None)


def _scattered(
    operation: str,
    place: Place,
    box: Value,
    arguments: tuple[Value, ...],
    names: Mapping[str, Value] | None,
) -> BoxWrite:
    """A write by a method, given the indices and the values, or a dimension, the index along it and
    the values."""
    if operation.startswith("index_put"):
        return BoxWrite(place, box, arguments[0], arguments[1], None, names)
    dim, index, *rest = arguments
    return BoxWrite(place, box, index, rest[0] if rest else index, dim, names)


def unchecked(policy: PolicyClass) -> Iterator[tuple[BoxWrite, tuple[str, ...]]]:
    """Writes into boxes with the parts of tokens that index them without ever being compared with a bound,
    where the box is not known to have room for all that they can say."""
    key = policy.contract.observation_key
    reads = [e for trace in policy.traces for e in trace.of(KeyRead) if e.key == key]
    if not any(is_tensordict(read.tensordict) for read in reads):
        return
    checked: set[str] | None = None
    for write in box_writes(policy):
        parts = {name for name in quantities(write.index, key) if not _has_room(write, name, key)}
        if parts:
            checked = _checked(policy, key) if checked is None else checked
            if missing := sorted(parts - checked, reverse=True):
                yield write, tuple(missing)


_BOUNDING = frozenset(
    f"{prefix}{name}"
    for name in (
        "compare< compare<= compare> compare>= lt le gt ge less less_equal greater greater_equal clamp clip "
        "clamp_ clip_ clamp_max minimum min isin bucketize remainder fmod one_hot"
    ).split()
    for prefix in ("", "torch.", "torch.nn.functional.")
)


def _checked(policy: PolicyClass, key: str) -> set[str]:
    """The parts of a token that something compares with a bound, or clamps."""
    found: set[str] = set()
    for term in policy.forward_terms:
        if term.op in _BOUNDING:
            for part in term.args:
                found |= quantities(part, key)
    for trace in policy.traces:
        for write in trace.of(InPlace):
            if write.operation in _BOUNDING:
                found |= quantities(write.target, key)
    if "coordinates" in found and not {"rows", "columns"} & found:
        found.discard("coordinates")  # the padding test `coords < 255` bounds neither half
    return found


def _has_room(write: BoxWrite, name: str, key: str) -> bool:
    """Whether a box is known to have room for all that a part of a token can say."""
    extent = sizes(write.box)
    if extent is None:
        return False
    if isinstance(write.index, Group):
        places = [i for i, item in enumerate(write.index.items) if name in quantities(item, key)]
        return all(i < len(extent) and (extent[i] or 0) >= ROOM[name] for i in places)
    named = prod(ROOM[n] for n in quantities(write.index, key))
    inner = extent[1:]
    return None not in inner and prod(s for s in inner if s is not None) >= named


def quantities(value: Value, key: str) -> set[str]:
    """Which parts of a token a number is computed from: its rows and columns, or the byte of both, and its
    attributes."""
    found: set[str] = set()
    todo, seen = [value], set[Value]()
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        if isinstance(current, Group):
            todo.extend(current.items)
            continue
        for option in options(current):
            if not isinstance(option, Term):
                continue
            name = _quantity(option, key)
            if name is not None:
                found.add(name)
            elif option.op in ("where", "torch.where") and len(option.args) == 3:
                todo.extend(
                    option.args[1:] if option.op == "torch.where" else (option.args[0], option.args[2])
                )
            elif option.op in ("index", "masked_fill", "torch.masked_fill") or option.op.endswith("_as"):
                todo.append(option.args[0])
            elif option.op in _ARITHMETIC:
                todo.extend(option.args)
    return found


def _quantity(term: Term, key: str) -> str | None:
    """The part of a token that a term is, if it is just one."""
    column = _column(term, key)
    if column == 1:
        return "attributes"
    if column == 0:
        return "coordinates"
    by = positional(term.args)[-1:]
    high = _is_one_of(term, _HIGH) and by in ((Const(4),), (Const(NIBBLE),))
    low = _is_one_of(term, _LOW) and by in ((Const(NIBBLE - 1),), (Const(NIBBLE),))
    bits = [part for part in walk(term, _is_bits) if isinstance(part, Term)]
    if not (high or low) or not any(_column(part, key) == 0 for part in bits):
        return None
    return "rows" if any(_is_one_of(part, _HIGH) for part in bits) else "columns"


# How the halves of a byte are taken.
_HIGH = frozenset(">> // bitwise_right_shift floor_divide div".split())
_LOW = frozenset("& % bitwise_and remainder fmod".split())


def _is_one_of(term: Term, operations: frozenset[str]) -> bool:
    return term.op.removeprefix("torch.") in operations


def _is_bits(term: Term) -> bool:
    return (term.op in _ARITHMETIC and term.op != "index") or _is_one_of(term, _HIGH | _LOW)


def _column(term: Term, key: str) -> int | None:
    """The byte of a token that is picked: `tokens[..., 0]`, `tokens.select(-1, 0)`, `tokens.unbind(-1)`."""
    match term:
        case Term(op="index", args=(tokens, Group(items=(*_, Const(value=0 | 1 as column))))):
            return column if comes_from(tokens, key) else None
        case Term(op="select", args=(tokens, Const(value=-1 | 2), Const(value=0 | 1 as column))):
            return column if comes_from(tokens, key) else None
        case Term(op="index", args=(Term(op="each", args=(piece,)), Const(value=0 | 1 as column))):
            return column if _is_byte(piece) and comes_from(piece, key) else None
        case _:
            return None


# What tokens are split into their bytes by, and what it is told before the axis.
_SPLITTING: dict[str, tuple[tuple[str, Value], ...]] = {
    "unbind": (),
    "split": (("split_size", Const(1)),),
    "chunk": (("chunks", Const(3)),),
}


_CASTS = frozenset("long int short float to type".split())


def _is_byte(piece: Value) -> bool:
    """Whether a value is any one of the bytes that tokens were split into, in whatever form and as whatever
    numbers: `(byte.squeeze(-1).long() for byte in tokens.split(1, dim=-1))`."""
    while isinstance(piece, Term) and piece.op in _CASTS:
        piece = piece.args[0]
    return any(
        isinstance(part, Term)
        and (told := _SPLITTING.get(part.op)) is not None
        and all(argument(part, i, name) == value for i, (name, value) in enumerate(told))
        and argument(part, len(told), "dim") in (Const(-1), Const(1), Const(2))
        for part in storage(piece)
    )


def sizes(box: Value) -> list[int | None] | None:
    """The sizes of a tensor that was made in place; None for those that are not numbers in the source."""
    found = extents(box)
    return None if found is None else [_computed(item) for item in found]


_MADE = frozenset(prefix + name for prefix in ("torch.", "new_") for name in "zeros ones full empty".split())


def extents(box: Value) -> tuple[Value, ...] | None:
    """The sizes of a tensor that was made in place, as they were given."""
    if not isinstance(box, Term) or box.op not in _MADE:
        return None
    shape = keyword(box, "size")
    if shape is None:
        given = positional(box.args)
        given = given[1:] if box.op.startswith("new_") else given
        shape = given[0] if given and isinstance(given[0], Group) else Group(tuple(given))
    return shape.items if isinstance(shape, Group) else ()


def _computed(size: Value) -> int | None:
    """What a size comes to that is computed from numbers in the source."""
    match size:
        case Const(value=int() as number):
            return number
        case Term(op="+" | "-" | "*" | "//" as op, args=(left, right)):
            a, b = _computed(left), _computed(right)
            if a is None or b is None or (op == "//" and b == 0):
                return None
            return {"+": a + b, "-": a - b, "*": a * b}[op] if op != "//" else a // b
        case _:
            return None
