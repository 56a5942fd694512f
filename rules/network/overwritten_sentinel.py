from __future__ import annotations

from collections.abc import Iterator

from policyfix.flow import Compared, InPlace, Trace
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.values import Const, Term, Value, comes_from, options, walk


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
                if self._overwrites(write, key, padding) and self._tested_after(trace, write, key, padding):
                    yield self.finding(
                        write.place,
                        f"overwrites the padding value {padding} before it is tested: "
                        "padding turns into real tokens",
                        policy,
                    )

    @staticmethod
    def _overwrites(write: InPlace, key: str, padding: int) -> bool:
        """`x[x == padding] = other`, on data of the observation."""
        return (
            write.mask is not None
            and isinstance(write.value, Const)
            and write.value != Const(padding)
            and comes_from(write.target, key)
            and any(
                isinstance(mask, Term)
                and mask.op == "compare=="
                and mask.args[1] == Const(padding)
                and comes_from(mask.args[0], key)
                for mask in options(write.mask)
            )
        )

    @staticmethod
    def _tested_after(trace: Trace, write: InPlace, key: str, padding: int) -> bool:
        """A test for padding sees the overwritten data, and none saw the data before."""
        tests = [
            event
            for event in trace.of(Compared)
            if event.operator in ("==", "!=")
            and Const(padding) in (event.left, event.right)
            and comes_from(event.left if event.right == Const(padding) else event.right, key)
            and event.result not in options(write.mask or event.right)
        ]
        if any(event.order < write.order for event in tests):
            return False
        return any(not _copied_before(event.left, write.order) for event in tests)


def _copied_before(value: Value, order: int) -> bool:
    """Whether a tensor was copied out of the observation before a point in time."""
    return any(
        isinstance(part, Term) and part.order < order and part.op in ("clone", "to", "long", "int", "float")
        for part in walk(value)
    )
