from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.boxes import unchecked
from policyfix.trace import Place


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
    Safe: tokens inside the box go where they went, others are ignored as padding is. The mask that the write
    goes by is narrowed, where it has a name and serves nothing else. None where there is no such mask, or the
    index and the sizes that the box was made with do not tell what bounds a part of the tokens.

    ## Source
    Metta-AI/metta, `ObsTokenToBoxShaper`: attributes are checked, coordinates are not; token (11, 0) of an
    11 x 11 box lands in the next layer.
    """

    code = "PF502"
    name = "unchecked-token-bounds"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        said: set[Place] = set()
        for write, missing in unchecked(policy):
            if write.place not in said:
                said.add(write.place)
                yield self.finding(
                    write.place,
                    f"{' and '.join(missing)} of tokens index the box without a bound check: a token outside "
                    "lands elsewhere or raises",
                    policy,
                )
