"""How a policy turns its features into logits, and the table of action embeddings that it may use for it."""

from __future__ import annotations

from collections.abc import Iterator

from policyfix.remembered import remembered
from policyfix.subjects.network import depends_on_input
from policyfix.subjects.policy import PolicyClass
from policyfix.trace import KeyWrite
from policyfix.values import VIEWS, Const, Term, Value, argument, keyword, options, walk

EMBEDDING = "new:torch.nn.Embedding"

_SOFTMAX = frozenset(
    f"{prefix}{name}"
    for name in ("log_softmax", "softmax")
    for prefix in ("", "torch.", "torch.nn.functional.", "torch.special.")
)
_CATEGORICAL = frozenset({"torch.distributions.Categorical", "torch.distributions.categorical.Categorical"})
_CASTS = frozenset("float double half bfloat16 to type contiguous".split())
_REPEATING = VIEWS | frozenset(
    "index repeat repeat_interleave einops.repeat einops.rearrange to clone".split()
)


@remembered
def logits(policy: PolicyClass) -> tuple[Value, ...]:
    """What the distribution over actions is made from, for each way that it may come about."""
    outputs = frozenset(policy.contract.outputs)
    found: dict[Value, None] = {}
    for trace in policy.traces:
        for write in trace.of(KeyWrite):
            if write.key in outputs:
                found.update(dict.fromkeys(o for v in _distributions(write.value) for o in _uncast(v)))
    return tuple(found)


def _uncast(value: Value) -> Iterator[Value]:
    """The alternatives of a value, in whatever precision: `logits.float()` are the logits."""
    for option in options(value):
        if isinstance(option, Term) and option.op in _CASTS:
            yield from _uncast(option.args[0])
        else:
            yield option


def _distributions(value: Value) -> Iterator[Value]:
    """The arguments of the outermost softmaxes in a value."""
    for part in walk(value, lambda t: t.op not in _SOFTMAX and t.op not in _CATEGORICAL):
        if isinstance(part, Term) and part.op in _SOFTMAX:
            yield part.args[0]
        elif isinstance(part, Term) and part.op in _CATEGORICAL:
            named = keyword(part, "logits")
            if named is not None:
                yield named


def embeddings(value: Value) -> Iterator[tuple[Term, Term]]:
    """(rows, table): rows of an embedding table that a value is made from and that no input picks."""
    for part in walk(value):
        if not isinstance(part, Term) or not part.args:
            continue
        table = part.args[0]
        if not isinstance(table, Term):
            continue
        if part.op == "index" and _is_rows_of_parameter(part):
            yield part, table
        looked_up = part.op == "module" and len(part.args) == 2 and not depends_on_input(part.args[1])
        if (looked_up or part.op == ".weight") and table.op == EMBEDDING:
            yield part, table


def _is_rows_of_parameter(value: Term) -> bool:
    """`self.table[:actions]` of a parameter: as many rows as something else has, one for each action."""
    match value:
        case Term(args=(Term(op="new:torch.nn.Parameter"), Term(op="slice", args=(_, stop, *_)))):
            return not isinstance(stop, Const)
        case _:
            return False


def averaged_rows(value: Value) -> Iterator[tuple[Term, Term]]:
    """(average, rows): sums and means over the rows of a table, in what a value is made from."""
    for part in walk(value):
        if isinstance(part, Term) and part.op in ("mean", "sum", "torch.mean", "torch.sum"):
            rows = _repeated(part.args[0]) if part.args else None
            if rows is not None and _over_rows(part):
                yield part, rows


def _repeated(value: Value) -> Term | None:
    """The rows of a table behind a view or repetition of them."""
    while isinstance(value, Term) and value.args:
        if any(rows is value for rows, _ in embeddings(value)):
            return value
        if value.op not in _REPEATING:
            return None
        value = value.args[0]
    return None


def _over_rows(average: Term) -> bool:
    """Whether an average runs over the rows of a table `[A, E]`, or `[B, A, E]` once it is repeated."""
    dim = argument(average, 0, "dim")
    batched = any(
        isinstance(part, Term) and part.op in ("unsqueeze", "expand", "repeat", "einops.repeat")
        for part in walk(average.args[0])
    )
    return dim in (Const(-2), Const(1) if batched else Const(0))
