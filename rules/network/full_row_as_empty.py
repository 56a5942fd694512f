from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.values import VIEWS, Const, Term, Value, comes_from


class FullRowAsEmpty(Rule[PolicyClass]):
    """The number of tokens is taken as the first padding, which is 0 for a row without any.

    ## What it does
    Reports `(coords == 255).int().argmax(dim)` on the contract's tokens where nothing asks whether a row has
    padding at all.

    ## Why it matters
    `argmax` of a mask without a hit is 0, the same as for a row whose first token is padding. A full row
    counts as empty and is cut to the length of its batch neighbours: the busiest observations lose tokens,
    and how many depends on the batch.

    ## Example
    ```python
    lengths = (tokens[..., 0] == 255).int().argmax(dim=1)
    ```

    ## Use instead
    ```python
    lengths = (tokens[..., 0] != 255).sum(dim=1)
    ```

    ## Fix safety
    None: tokens may follow a hole in the padding, and then the two differ.

    ## Source
    Metta-AI/metta, `ObsTokenPadStrip`: a full row is cut to the longest of the others.
    """

    code = "PF512"
    name = "full-row-as-empty"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        key, padding = policy.contract.observation_key, policy.contract.padding
        masks: dict[Value, list[Term]] = {}
        for term in policy.forward_terms:
            if term.args and (mask := _mask(term.args[0], key, padding)) is not None:
                masks.setdefault(mask, []).append(term)
        for users in masks.values():
            if any(user.op.removeprefix("torch.") in _COUNTING for user in users):
                continue
            for user in users:
                place = policy.made(user)
                first = user.op in ("argmax", "torch.argmax")
                if first and place is not None and not _is_corrected(user, policy):
                    yield self.finding(
                        place,
                        "a row without padding counts as empty: argmax of a mask without a hit is 0",
                        policy,
                    )


_COUNTING = frozenset("any all sum max amax count_nonzero cumsum cat pad logical_not ~ where nonzero".split())
_CONVERTING = VIEWS | frozenset("int long float to short half byte bool".split())


def _is_corrected(first: Term, policy: PolicyClass) -> bool:
    """Whether something asks of each row's first hit which number it is, or replaces some of them."""
    return any(
        first in term.args
        and (term.op in _CHOOSING or term.op.startswith("compare"))
        and (term.op in _TAKING or any(isinstance(a, Const) for a in term.args))
        for term in policy.forward_terms
    )


_TAKING = frozenset("torch.where where masked_fill".split())
_CHOOSING = _TAKING | frozenset("eq ne gt torch.eq torch.ne torch.gt".split())


def _mask(value: Value, key: str, padding: int) -> Term | None:
    """The test for padding behind a value that is one, converted or laid out anew."""
    while isinstance(value, Term) and value.op in _CONVERTING:
        value = value.args[0]
    if isinstance(value, Term) and value.op in ("compare==", "eq", "torch.eq") and len(value.args) == 2:
        data = value.args[0] if value.args[1] == Const(padding) else value.args[1]
        return value if Const(padding) in value.args and comes_from(data, key) else None
    return None
