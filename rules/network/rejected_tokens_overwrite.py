from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.boxes import quantities
from policyfix.subjects.network import depends_on_input, is_mask
from policyfix.trace import InPlace, Place
from policyfix.values import VIEWS, Const, Group, Term, Value, options


class RejectedTokensOverwrite(Rule[PolicyClass]):
    """Rejected entries are scattered to place 0 with value 0, over what belongs there.

    ## What it does
    Reports `box.scatter_(dim, where(valid, index, 0), where(valid, value, 0))`, and the same by
    `box[rows, x * valid, y * valid] = value * valid`: entries that are not valid overwrite place 0, and place
    0 is not kept free for them.

    ## Why it matters
    A plain scatter stores, it does not add. One rejected entry, padding for instance, erases the real feature
    at place 0; on a GPU the order of writes is open, so it is erased sometimes.

    ## Example
    ```python
    index = torch.where(valid, index, torch.zeros_like(index))
    values = torch.where(valid, values, torch.zeros_like(values))
    box.scatter_(1, index, values)
    ```

    ## Use instead
    ```python
    spare = box.shape[1] - 1  # one place more than there are cells, dropped afterwards
    index = torch.where(valid, index, spare)
    box.scatter_(1, index, values)
    box = box[:, :-1]
    ```

    ## Fix safety
    None: a spare place changes the size of the box, which other code may ask for.

    ## Source
    Metta-AI/metta, `ObsTokenToBoxShaper` and `fast.py` at 04185f82e9: attribute 0 of cell (0, 0) is lost
    wherever an observation has padding.
    """

    code = "PF511"
    name = "rejected-tokens-overwrite"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        key = policy.contract.observation_key
        for place, box, index, values in dict.fromkeys(_scatters(policy)):
            if _rejects_places(index, key) and _rejects(values, shifted=True) and not _is_cut(box, policy):
                yield self.finding(
                    place,
                    "rejected entries write 0 at place 0, over the feature that belongs there",
                    policy,
                )


def _scatters(policy: PolicyClass) -> Iterator[tuple[Place, Value, Value, Value]]:
    """(place, box, index, values) of plain scatters: those that add or reduce leave place 0 as it is."""
    for trace in policy.traces:
        for write in trace.of(InPlace):
            if write.operation == "scatter_" and len(write.arguments) == 3:
                yield write.place, write.target, write.arguments[1], write.arguments[2]
            elif write.operation == "index_put_" and len(write.arguments) == 2:
                yield write.place, write.target, *write.arguments
            elif write.how == "subscript" and isinstance(write.mask, Group):
                yield write.place, write.target, write.mask, write.value
    for term in policy.forward_terms:
        if term.op in ("scatter", "torch.scatter") and len(term.args) == 4:
            place = policy.made(term)
            if place is not None:
                yield place, term, term.args[2], term.args[3]


def _rejects_places(index: Value, key: str) -> bool:
    """Whether rejected entries are written at place 0, in every dimension that parts of a token pick."""
    picked = [item for item in index.items if quantities(item, key)] if isinstance(index, Group) else [index]
    return bool(picked) and all(_rejects(item, shifted=False) for item in picked)


def _rejects(value: Value, shifted: bool) -> bool:
    """Whether a value is 0 wherever a mask made from the input says no. `shifted`: whether its other entries
    may be moved by a constant, which keeps place 0 free where they are indices."""
    choices = [_unconverted(o) for o in options(value) if isinstance(o, Term)]
    return bool(choices) and all(_is_masked(c, shifted) for c in choices)


def _unconverted(value: Term) -> Term:
    """The value before its dtype was changed."""
    while value.op in ("long", "int", "float", "half", "to") and isinstance(value.args[0], Term):
        value = value.args[0]
    return value


def _is_masked(value: Term, shifted: bool) -> bool:
    match value:
        case Term(op="torch.where", args=(mask, kept, other)):
            kept, other = (other, kept) if _is_zero(kept) else (kept, other)
            return depends_on_input(mask) and _is_zero(other) and (shifted or not _is_moved(kept))
        case Term(op="masked_fill" | "torch.masked_fill", args=(kept, mask, other)):
            return depends_on_input(mask) and _is_zero(other) and (shifted or not _is_moved(kept))
        case Term(op="*" | "mul" | "torch.mul", args=(left, right)):
            kept, mask = (right, left) if is_mask(left) else (left, right)
            return is_mask(mask) and depends_on_input(mask) and (shifted or not _is_moved(kept))
        case _:
            return False


def _is_moved(value: Value) -> bool:
    """Whether a constant is added to a value."""
    return isinstance(value, Term) and value.op == "+" and any(isinstance(a, Const) for a in value.args)


def _is_zero(value: Value) -> bool:
    return value in (Const(0), Const(0.0)) or (
        isinstance(value, Term) and value.op in ("torch.zeros_like", "torch.zeros", "new_zeros")
    )


def _is_cut(box: Value, policy: PolicyClass) -> bool:
    """Whether the first place is dropped afterwards: `box[:, 1:]`."""
    return any(
        term.op == "index"
        and _same(term.args[0], box)
        and isinstance(term.args[1], Group)
        and any(
            isinstance(item, Term) and item.op == "slice" and item.args[0] not in (Const(None), Const(0))
            for item in term.args[1].items
        )
        for term in policy.forward_terms
    )


def _same(value: Value, box: Value) -> bool:
    """Whether a value is the box, or a view of it."""
    while isinstance(value, Term) and value is not box and value.op in VIEWS:
        value = value.args[0]
    return any(o is box for o in options(value))
