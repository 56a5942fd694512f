from __future__ import annotations

from collections.abc import Iterator
from math import prod

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.trace import InPlace, KeyRead, Place
from policyfix.values import (
    VIEWS,
    Const,
    Group,
    Term,
    Value,
    comes_from,
    is_tensordict,
    keyword,
    options,
    positional,
    walk,
)


class UncheckedTokenBounds(Rule[PolicyClass]):
    """Coordinates or attributes of observation tokens index a box that they may lie outside of.

    ## What it does
    Reports a write into a box at places that are computed from the coordinate byte or the attribute byte of
    the contract's tokens, where nothing ever compares that coordinate or attribute with a bound or clamps it,
    and the box is not known to have room for all that a byte can say.

    ## Why it matters
    A token outside the box raises on some devices; with a flat index it does not even do that: it lands in
    another cell of another layer, and the net sees a feature where there is none.

    ## Example
    ```python
    flat = attributes * width * height + x * height + y
    box.scatter_(1, torch.where(coords != 255, flat, 0), values)
    ```

    ## Use instead
    ```python
    inside = (x < width) & (y < height) & (attributes < layers)
    flat = attributes * width * height + x * height + y
    box.scatter_(1, torch.where((coords != 255) & inside, flat, 0), values)
    ```

    ## Fix safety
    None: which sizes bound the box, and which mask the write goes by, is not always written beside it.

    ## Source
    Metta-AI/metta, `ObsTokenToBoxShaper`: attributes are checked, coordinates are not; token (11, 0) of an
    11 x 11 box lands in the next layer.
    """

    code = "PF502"
    name = "unchecked-token-bounds"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        key = policy.contract.observation_key
        reads = [e for trace in policy.traces for e in trace.of(KeyRead) if e.key == key]
        if not any(is_tensordict(read.tensordict) for read in reads):
            return
        checked: set[str] | None = None
        said: set[Place] = set()
        for place, box, index in _box_writes(policy):
            parts = {name for name in _quantities(index, key) if not _has_room(box, index, name, key)}
            if not parts or place in said:
                continue
            checked = _checked(policy, key) if checked is None else checked
            missing = sorted(parts - checked, reverse=True)
            if missing:
                said.add(place)
                yield self.finding(
                    place,
                    f"{' and '.join(missing)} of tokens index the box without a bound check: a token outside "
                    "lands elsewhere or raises",
                    policy,
                )


_SCATTERING = frozenset("scatter scatter_add scatter_reduce index_put index_add".split())
_ARITHMETIC = VIEWS | frozenset(
    "+ - * & >> << // % long int short to float type clone index where masked_fill torch.where mul add "
    "torch.add torch.mul torch.bitwise_and torch.bitwise_right_shift einops.rearrange detach each "
    "torch.clone torch.masked_fill torch.stack torch.cat".split()
)
_BOUNDING = frozenset(
    f"{prefix}{name}"
    for name in (
        "compare< compare<= compare> compare>= lt le gt ge less less_equal greater greater_equal clamp clip "
        "clamp_ clip_ clamp_max minimum min isin bucketize remainder fmod one_hot"
    ).split()
    for prefix in ("", "torch.", "torch.nn.functional.")
)
_NIBBLE = 16  # what four bits can say
_BYTE = 256
_ROOM = {"rows": _NIBBLE, "columns": _NIBBLE, "attributes": _BYTE, "coordinates": _BYTE}


def _box_writes(policy: PolicyClass) -> Iterator[tuple[Place, Value, Value]]:
    """(place, box, index) of writes at computed places."""
    for trace in policy.traces:
        for write in trace.of(InPlace):
            if write.how == "subscript" and isinstance(write.mask, Group):
                yield write.place, write.target, write.mask
            elif write.operation.removesuffix("_") in _SCATTERING and len(write.arguments) > 1:
                yield write.place, write.target, write.arguments[1]
    for term in policy.forward_terms:
        if term.op.removeprefix("torch.") in _SCATTERING and len(term.args) > 2:
            place = policy.made(term)
            if place is not None:
                yield place, term.args[0], term.args[2]


def _quantities(value: Value, key: str) -> set[str]:
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
            elif option.op in ("index", "masked_fill", "torch.masked_fill"):
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
    high = term.op in (">>", "//") and term.args[-1] in (Const(4), Const(_NIBBLE))
    low = term.op in ("&", "%") and term.args[-1] in (Const(_NIBBLE - 1), Const(_NIBBLE))
    bits = [part for part in walk(term, _is_bits) if isinstance(part, Term)]
    if not (high or low) or not any(_column(part, key) == 0 for part in bits):
        return None
    return "rows" if any(part.op in (">>", "//") for part in bits) else "columns"


def _is_bits(term: Term) -> bool:
    return term.op in _ARITHMETIC and term.op != "index"


def _column(term: Term, key: str) -> int | None:
    """The byte of a token that is picked: `tokens[..., 0]`, `tokens.select(-1, 0)`, `tokens.unbind(-1)`."""
    match term:
        case Term(op="index", args=(tokens, Group(items=(*_, Const(value=0 | 1 as column))))):
            return column if comes_from(tokens, key) else None
        case Term(op="select", args=(tokens, Const(value=-1 | 2), Const(value=0 | 1 as column))):
            return column if comes_from(tokens, key) else None
        case Term(
            op="index", args=(Term(op="each", args=(Term(op="unbind"),)) as each, Const(value=0 | 1 as c))
        ):
            return c if comes_from(each, key) else None
        case _:
            return None


def _checked(policy: PolicyClass, key: str) -> set[str]:
    """The parts of a token that something compares with a bound, or clamps."""
    found: set[str] = set()
    for term in policy.forward_terms:
        if term.op in _BOUNDING:
            for part in term.args:
                found |= _quantities(part, key)
    for trace in policy.traces:
        for write in trace.of(InPlace):
            if write.operation in _BOUNDING:
                found |= _quantities(write.target, key)
    if "coordinates" in found and not {"rows", "columns"} & found:
        found.discard("coordinates")  # the padding test `coords < 255` bounds neither half
    return found


def _has_room(box: Value, index: Value, name: str, key: str) -> bool:
    """Whether a box is known to have room for all that a part of a token can say."""
    sizes = _sizes(box)
    if sizes is None:
        return False
    if isinstance(index, Group):
        places = [i for i, item in enumerate(index.items) if name in _quantities(item, key)]
        return all(i < len(sizes) and (sizes[i] or 0) >= _ROOM[name] for i in places)
    named = prod(_ROOM[n] for n in _quantities(index, key))
    inner = sizes[1:]
    return None not in inner and prod(s for s in inner if s is not None) >= named


def _sizes(box: Value) -> list[int | None] | None:
    """The sizes of a tensor that was made in place; None for those that are not numbers in the source."""
    if not isinstance(box, Term) or box.op not in ("torch.zeros", "new_zeros", "torch.full", "torch.empty"):
        return None
    shape = keyword(box, "size")
    if shape is None:
        given = positional(box.args)
        given = given[1:] if box.op == "new_zeros" else given
        shape = given[0] if given and isinstance(given[0], Group) else Group(tuple(given))
    items = shape.items if isinstance(shape, Group) else ()
    return [i.value if isinstance(i, Const) and isinstance(i.value, int) else None for i in items]
