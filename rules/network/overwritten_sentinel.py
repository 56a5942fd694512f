from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import Compared, InPlace, Trace
from policyfix.values import PARTS, VIEWS, Const, Term, Value, comes_from, options, walk, whole


class OverwrittenSentinel(Rule[PolicyClass]):
    """The padding value is overwritten before the code tests for it.

    ## What it does
    Reports `x[x == 255] = 0` on observation tokens where the test that is meant to drop the padding
    (`coords != 255`) comes after it and no such test comes before.

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
            for write in trace.of(InPlace):
                if not self._overwrites(write, key, padding):
                    continue
                if self._tested_before(policy, write, key, padding):
                    continue
                if self._tested_after(trace, write, key, padding):
                    yield self.finding(
                        write.place,
                        f"overwrites the padding value {padding} before it is tested: "
                        "padding turns into real tokens",
                        policy,
                    )

    @staticmethod
    def _overwrites(write: InPlace, key: str, padding: int) -> bool:
        """`x[x == padding] = other`, on data of the observation."""
        if write.mask is None or not isinstance(write.value, Const) or write.value == Const(padding):
            return False
        masks = (m for m in options(write.mask) if isinstance(m, Term) and m.op == "compare==")
        return comes_from(write.target, key) and any(
            _is_test(mask.args[0], mask.args[1], key, padding) for mask in masks
        )

    @staticmethod
    def _tested_before(policy: PolicyClass, write: InPlace, key: str, padding: int) -> bool:
        """Whether anything compared the data with the padding value before, in whatever spelling."""
        return any(
            term.order < write.order
            and Const(padding) in term.args
            and term not in options(write.mask or write.value)
            and any(comes_from(part, key) for part in term.args)
            for term in policy.terms
        )

    @staticmethod
    def _tested_after(trace: Trace, write: InPlace, key: str, padding: int) -> bool:
        """A test for padding sees the overwritten data."""
        tests = [
            event
            for event in trace.of(Compared)
            if event.operator in ("==", "!=")
            and _is_test(event.left, event.right, key, padding)
            and event.result not in options(write.mask or event.right)
        ]
        return any(_sees(side, write) for event in tests for side in (event.left, event.right))


def _is_test(left: Value, right: Value, key: str, padding: int) -> bool:
    """Whether a comparison asks data of the observation for the padding value."""
    data = left if right == Const(padding) else right
    return Const(padding) in (left, right) and comes_from(data, key)


def _sees(value: Value, write: InPlace) -> bool:
    """Whether a value is made from the overwritten tensor, and not from a copy of what was there before."""
    overwritten = set(whole(write.target))
    reached = walk(value, lambda term: term.op in VIEWS or term.op in PARTS or term.order > write.order)
    return any(part in overwritten for part in reached)
