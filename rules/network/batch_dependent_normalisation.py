from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.trace import Branch, Place
from policyfix.values import VIEWS, Const, Group, Term, Value, is_tensordict, options, walk


class BatchDependentNormalisation(Rule[PolicyClass]):
    """The scale of the input is decided from the values of the whole batch.

    ## What it does
    Reports a forward that divides or multiplies its input in a branch, or by a number, that it takes from a
    maximum, mean or the like of the whole input: `if obs.max() > 1`, `obs / obs.max()`.

    ## Why it matters
    What the net sees of one row then depends on its neighbours in the batch. A rollout of 64 rows and a
    minibatch of 16384 scale the same observation differently, so the ratio of old and new log-probs is off
    from the first update on; a frame that happens to be dark is scaled by 255 more than the next one.

    ## Example
    ```python
    if obs.max() > 1:
        obs = obs / 255
    ```

    ## Use instead
    ```python
    if obs.dtype == torch.uint8:
        obs = obs / 255
    ```

    ## Fix safety
    None: which scale is meant is not written in the source.

    ## Source
    A row's output must not depend on its batch neighbours: what PPO's ratio is defined by (Schulman et al.,
    2017, section 3).
    """

    code = "PF507"
    name = "batch-dependent-normalisation"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        for place in dict.fromkeys((*self._branches(policy), *self._divisions(policy))):
            yield self.finding(
                place,
                "the scale of the input is taken from the whole batch: a row depends on its neighbours",
                policy,
            )

    @staticmethod
    def _branches(policy: PolicyClass) -> Iterator[Place]:
        """Branches on the whole batch in which the input is scaled."""
        for trace in policy.traces:
            for branch in trace.of(Branch):
                if _reduces_batch(branch.test) and any(
                    branch.order < term.order < branch.end and _scales_input(term)
                    for term in policy.forward_terms
                ):
                    yield branch.place

    @staticmethod
    def _divisions(policy: PolicyClass) -> Iterator[Place]:
        """The input over a number taken from the whole batch, or scaled where such a number says so."""
        for term in policy.forward_terms:
            chosen = term.op == "torch.where" and len(term.args) == 3
            if (
                (_scales_input(term) and any(_reduces_batch(a) for a in term.args[1:]))
                or (chosen and _reduces_batch(term.args[0]) and any(_scales_input(a) for a in term.args[1:]))
            ) and (place := policy.made(term)) is not None:
                yield place


_SCALING = frozenset("/ * div mul torch.div torch.mul torch.true_divide".split())
_REDUCING = frozenset("max min amax amin mean std var norm any all median quantile".split())
# What is done to the input before a net takes it in.
_PREPARING = VIEWS | frozenset(
    "item index to float half double clone abs - + < > <= >= compare< compare> compare<= compare>= compare== "
    "compare!= torch.abs einops.rearrange".split()
)


def _scales_input(value: Value) -> bool:
    return (
        isinstance(value, Term)
        and value.op in _SCALING
        and len(value.args) > 1
        and any(_is_input(o) for o in options(value.args[0]))
    )


def _reduces_batch(value: Value) -> bool:
    """Whether a value is taken from one number about all rows of the input."""
    return any(
        isinstance(part, Term)
        and part.op.removeprefix("torch.") in _REDUCING
        and len(part.args) == 1
        and _is_input(part.args[0])
        for part in walk(value, lambda t: t.op not in ("module", "core", "index", "each"))
    )


def _is_input(value: Value) -> bool:
    """Whether a value is the whole of what forward is given, or an entry of it, before any net."""
    while isinstance(value, Term):
        if value.op == "input" or is_tensordict(value):
            return True
        if value.op not in _PREPARING | _SCALING or not value.args:
            return False
        if value.op == "index" and not _keeps_rows(value.args[1]):
            return False
        value = next(iter(options(value.args[0])))
    return False


def _keeps_rows(index: Value) -> bool:
    """`x[..., 0]` and `x[:, 0]` hold every row, `x[i]` one of them."""
    first = index.items[0] if isinstance(index, Group) and index.items else index
    return first == Const(...) or (isinstance(first, Term) and first.op == "slice")
