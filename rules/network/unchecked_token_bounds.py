from __future__ import annotations

from collections.abc import Iterator
from math import prod

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.boxes import ROOM, BoxWrite, box_writes, quantities, sizes
from policyfix.trace import InPlace, KeyRead, Place
from policyfix.values import Group, is_tensordict


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
        for write in box_writes(policy):
            parts = {name for name in quantities(write.index, key) if not _has_room(write, name, key)}
            if not parts or write.place in said:
                continue
            checked = _checked(policy, key) if checked is None else checked
            missing = sorted(parts - checked, reverse=True)
            if missing:
                said.add(write.place)
                yield self.finding(
                    write.place,
                    f"{' and '.join(missing)} of tokens index the box without a bound check: a token outside "
                    "lands elsewhere or raises",
                    policy,
                )


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
