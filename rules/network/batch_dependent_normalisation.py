from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.trace import Branch, InPlace, Place
from policyfix.values import VIEWS, Const, Group, Term, Value, argument, key_of, walk


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
        for place in dict.fromkeys((*_branches(policy), *_divisions(policy))):
            yield self.finding(
                place,
                "the scale of the input is taken from the whole batch: a row depends on its neighbours",
                policy,
            )


_SCALING = frozenset("/ * div mul torch.div torch.mul torch.true_divide".split())
_REDUCING = frozenset("max min amax amin mean std var norm any all median quantile".split())
# Where features start: what follows is no longer the input.
_NET = frozenset("module core @ matmul bmm torch.matmul torch.bmm torch.einsum each".split())


def _branches(policy: PolicyClass) -> Iterator[Place]:
    """Branches on the whole batch in which the input is scaled; what a loop does, it does in every pass."""
    for trace in policy.traces:
        loops = {branch.place for branch in trace.of(Branch) if branch.order == branch.end}
        for branch in trace.of(Branch):
            if _reduces_batch(branch.test, policy) and any(
                branch.order < term.order < branch.end
                and _scales_input(term, policy)
                and (branch.place not in loops or _is_repeated(term))
                for term in policy.forward_terms
            ):
                yield branch.place


def _is_repeated(scaled: Term) -> bool:
    """Whether what a loop scales is what it made so in the pass before, not another piece of the input."""
    return any(
        isinstance(part, Term) and part.op == scaled.op and part.args[1:] == scaled.args[1:]
        for part in walk(scaled.args[0])
    )


def _divisions(policy: PolicyClass) -> Iterator[Place]:
    """The input over a number taken from the whole batch, or scaled where such a number says so."""
    for term in policy.forward_terms:
        if term.op == "torch.where" and len(term.args) == 3:
            test, *choices = term.args
            found = any(_scales_input(c, policy) for c in choices) and _reduces_batch(test, policy)
        else:
            found = _scales_input(term, policy) and any(_reduces_batch(a, policy) for a in term.args[1:])
        if found and (place := policy.made(term)) is not None:
            yield place


def _scales_input(value: Value, policy: PolicyClass) -> bool:
    return (
        isinstance(value, Term)
        and value.op in _SCALING
        and len(value.args) > 1
        and _is_input(value.args[0], policy)
    )


def _reduces_batch(value: Value, policy: PolicyClass) -> bool:
    """Whether a value is taken from a number about all rows of the input."""
    return any(
        isinstance(part, Term)
        and part.op.removeprefix("torch.") in _REDUCING
        and (len(part.args) == 1 or _is_over_rows(part))
        and _is_input(part.args[0], policy)
        for part in walk(value, lambda t: t.op not in _NET and t.op != "index")
    )


def _is_over_rows(reduction: Term) -> bool:
    """Whether a reduction of something that lies as it came is, among others, one over the rows."""
    dims = argument(reduction, 0, "dim")
    over_rows = Const(0) in (dims.items if isinstance(dims, Group) else (dims,))
    return over_rows and not any(
        isinstance(part, Term) and part.op in VIEWS | {"einops.rearrange"} for part in walk(reduction.args[0])
    )


def _is_input(value: Value, policy: PolicyClass) -> bool:
    """Whether a value holds what forward is given, all rows of it, before any net."""
    written: dict[Value, list[Value]] = {}
    for trace in policy.traces:
        for write in trace.of(InPlace):
            written.setdefault(write.target, []).extend((write.value, *write.arguments[-1:]))
    todo, seen = [value], set[Value]()
    while todo:
        for part in walk(todo.pop(), _keeps_input):
            key = key_of(part)
            if key is not None and key not in policy.contract.boundary_keys:
                return True
            if isinstance(part, Term) and part.op == "input":
                return True
            if part not in seen:
                seen.add(part)
                todo += written.get(part, ())
    return False


def _keeps_input(term: Term) -> bool:
    """Whether an operation hands on the values of its input, for every row."""
    if term.op == "index":
        return _keeps_rows(term.args[1])
    return not (
        term.op in _NET
        or term.op.startswith((".", "torch.nn.functional."))
        or term.op.removeprefix("torch.") in _REDUCING
    )


def _keeps_rows(index: Value) -> bool:
    """`x[..., 0]` and `x[:, 0]` hold every row, `x[x < 9]` something of each, `x[i]` one of them."""
    first = index.items[0] if isinstance(index, Group) and index.items else index
    return first == Const(...) or (
        isinstance(first, Term) and (first.op in ("slice", "&", "|", "~") or first.op.startswith("compare"))
    )
