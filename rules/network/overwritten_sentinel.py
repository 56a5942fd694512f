from __future__ import annotations

from collections.abc import Iterator

from policyfix.record import record
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import Compared, InPlace, Place, Trace
from policyfix.values import PARTS, VIEWS, Const, Term, Value, comes_from, is_zeros, options, walk, whole


class OverwrittenSentinel(Rule[PolicyClass]):
    """The padding value is overwritten before the code tests for it.

    ## What it does
    Reports `x[x == 255] = 0` on observation tokens where the test that is meant to drop the padding
    (`coords != 255`) comes after it and no such test comes before; `masked_fill` and `torch.where` likewise.

    ## Why it matters
    The test then finds no padding at all: each unused token becomes a real one at cell (0, 0) with attribute
    0, and bytes of real tokens that happen to be 255 become 0. The encoding is wrong, by a little, always.

    ## Example
    ```python
    tokens[tokens == 255] = 0
    coords = tokens[..., 0]
    valid = coords != 255
    ```

    ## Use instead
    ```python
    coords = tokens[..., 0]
    valid = coords != 255
    ```

    ## Fix safety
    Safe: the overwriting statement is removed and the test that follows does what it says.

    ## Source
    Metta-AI/metta at cef2d0434a, `fast.py` and `example.py`.
    """

    code = "PF501"
    name = "overwritten-sentinel"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        key, padding = policy.contract.observation_key, policy.contract.padding
        for trace in policy.traces:
            for write in (*_overwrites(trace, key, padding), *_replacements(policy, key, padding)):
                if not write.tested_before(policy) and write.tested_after(policy, trace):
                    yield self.finding(
                        write.place,
                        f"overwrites the padding value {padding} before it is tested: "
                        "padding turns into real tokens",
                        policy,
                    )


@record()
class _Write:
    """Padding that is replaced, in place or in a new tensor, where `tests` say that it is padding."""

    data: frozenset[Value]  # what holds the other value afterwards
    tests: frozenset[Term]
    place: Place
    order: int
    key: str
    padding: int
    in_place: bool

    def tested_before(self, policy: PolicyClass) -> bool:
        """Whether anything compared the data with the padding value before, in whatever spelling, or looks at
        the mask again."""
        return any(
            (
                term.order < self.order
                and Const(self.padding) in term.args
                and term not in self.tests
                and any(comes_from(part, self.key) for part in term.args)
            )
            or (
                not self.in_place
                and term not in self.data
                and term not in self.tests
                and self.tests & set(term.args)
            )
            for term in policy.terms
        )

    def tested_after(self, policy: PolicyClass, trace: Trace) -> bool:
        """A test for padding sees the replaced data."""
        asked = [
            (event.left, event.right)
            for event in trace.of(Compared)
            if event.operator in ("==", "!=") and event.result not in self.tests
        ]
        asked += [
            (t.args[0], t.args[1]) for t in policy.forward_terms if t.op in _ASKING and t not in self.tests
        ]
        return any(
            _is_test(left, right, self.key, self.padding) and (self._seen_by(left) or self._seen_by(right))
            for left, right in asked
        )

    def _seen_by(self, value: Value) -> bool:
        """Whether a value is made from the replaced data, and not from a copy of what was there before."""
        reached = walk(value, lambda t: t.op in VIEWS or t.op in PARTS or t.order > self.order)
        return any(part in self.data for part in reached)


_ASKING = frozenset("eq ne torch.eq torch.ne".split())
_EQUAL = frozenset("compare== eq torch.eq".split())
_DIFFERENT = frozenset("compare!= ne torch.ne".split())
_FINDING = frozenset("nonzero torch.nonzero torch.where each bool".split())  # what makes an index of a mask


def _overwrites(trace: Trace, key: str, padding: int) -> Iterator[_Write]:
    """`x[x == padding] = other`, on data of the observation."""
    for write in trace.of(InPlace):
        if write.mask is None or not isinstance(write.value, Const) or write.value == Const(padding):
            continue
        tests = frozenset(_tests(write.mask, key, padding))
        if tests and comes_from(write.target, key):
            data = frozenset(whole(write.target))
            yield _Write(data, tests, write.place, write.order, key, padding, in_place=True)


def _replacements(policy: PolicyClass, key: str, padding: int) -> Iterator[_Write]:
    """`x.masked_fill(x == padding, other)`, `torch.where(x == padding, other, x)` and its negation."""
    for term in policy.forward_terms:
        match term:
            case Term(op="masked_fill" | "torch.masked_fill", args=(data, mask, other)):
                asking = _EQUAL
            case Term(op="torch.where", args=(mask, other, data)) if _is_constant(other):
                asking = _EQUAL
            case Term(op="torch.where", args=(mask, data, other)):
                asking = _DIFFERENT
            case _:
                continue
        place = policy.made(term)
        tests = frozenset(_tests(mask, key, padding, asking))
        replaced = _is_constant(other) and other != Const(padding) and any(t.args[0] == data for t in tests)
        if place is not None and replaced and comes_from(data, key):
            yield _Write(frozenset({term}), tests, place, term.order, key, padding, in_place=False)


def _is_constant(value: Value) -> bool:
    """A number, or zeros like something."""
    return isinstance(value, Const) or (isinstance(value, Term) and is_zeros(value))


def _tests(mask: Value, key: str, padding: int, asking: frozenset[str] = _EQUAL) -> Iterator[Term]:
    """The tests for padding, or for what is none, that a mask or an index is."""
    for option in options(mask):
        if not isinstance(option, Term) or not option.args:
            continue
        if option.op in asking and _is_test(option.args[0], option.args[1], key, padding):
            yield option
        elif option.op in ("~", "torch.logical_not", "logical_not"):
            opposite = _DIFFERENT if asking is _EQUAL else _EQUAL
            yield from _tests(option.args[0], key, padding, opposite)
        elif option.op in _FINDING and not (option.op == "torch.where" and len(option.args) > 1):
            yield from _tests(option.args[0], key, padding, asking)


def _is_test(left: Value, right: Value, key: str, padding: int) -> bool:
    """Whether a comparison asks data of the observation for the padding value."""
    data = left if right == Const(padding) else right
    return Const(padding) in (left, right) and comes_from(data, key)
