from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.shapes import ONE, ROWS, STEPS, Size
from policyfix.subjects import Mode, PolicyClass
from policyfix.subjects.layout import certain, misfits, reaches, returned
from policyfix.trace import InPlace, KeyWrite
from policyfix.values import Term, Value, key_of, keywords, options, positional, storage, walk


class MisplacedStamps(Rule[PolicyClass]):
    """A stamp is written where it does not fit, or where nobody will find it.

    ## What it does
    Reports a contract policy that writes `bptt` or `batch` with other than one entry for each row of the
    TensorDict that gets it (before the TensorDict is flattened, say), to another TensorDict than the one that
    training gets back, or with the other stamp's number.

    ## Why it matters
    A TensorDict refuses an entry whose leading sizes are not its batch size, so training stops at the first
    minibatch, long after the rollout looked right. Stamps on a copy, or exchanged, are worse: the rows are
    folded into B steps of T rows and nothing raises.

    ## Example
    ```python
    B, T = td.batch_size
    td["bptt"] = torch.full((B * T,), T, dtype=torch.int64)
    td = td.reshape(B * T)
    ```

    ## Use instead
    ```python
    B, T = td.batch_size
    td = td.reshape(B * T)
    td["bptt"] = torch.full((B * T,), T, dtype=torch.int64)
    ```

    ## Fix safety
    Safe: the same stamps are written after the TensorDict is flattened.

    ## Source
    Metta-AI/metta at 04185f82e9, `example.py`: stamps of B*T rows written to a [B, T] TensorDict.
    """

    code = "PF102"
    name = "misplaced-stamps"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract:
            return
        for mode in policy.modes:
            for key in policy.contract.stamps:
                fault = self._fault(policy, mode, key)
                if fault is not None:
                    write, reason = fault
                    yield self.finding(write.place, f'td["{key}"] {reason}', policy)
                    return

    @staticmethod
    def _fault(policy: PolicyClass, mode: Mode, key: str) -> tuple[KeyWrite, str] | None:
        trace, shapes = mode.trace, mode.trace.shapes
        writes = [w for w in trace.of(KeyWrite) if w.key == key]
        if not writes or not certain([w.guards for w in writes]):
            return None
        first = writes[0]
        if all(misfits(w, shapes) for w in writes):
            size, batch = shapes.of(first.value), shapes.of(first.tensordict)
            return first, f"of size {size} is written to a TensorDict of batch size {batch} in {mode.name}"
        expected = _numbers(mode)[policy.contract.stamps.index(key)]
        if all(_says_otherwise(w, expected, mode) for w in writes):
            return first, f"does not hold {expected} in {mode.name}"
        ends = returned(trace) if mode.name == "training" and policy.shows_all_writes(trace) else []
        outputs = [w for w in trace.of(KeyWrite) if w.key in mode.outputs]
        for end in ends:
            found = any(reaches(w.tensordict, end.value, shapes) for w in writes)
            if not found and any(reaches(w.tensordict, end.value, shapes) for w in outputs):
                return first, "is written to another TensorDict than the one that training gets back"
        return None


def _numbers(mode: Mode) -> tuple[Size, Size]:
    """Time steps and rows: what the two stamps hold."""
    return (STEPS if mode.name == "training" else ONE), ROWS


def _says_otherwise(write: KeyWrite, expected: Size, mode: Mode) -> bool:
    """Whether a stamp holds one number throughout that is certainly another one."""
    filled_later = {root for e in mode.trace.of(InPlace) for root in storage(e.target)}
    if any(key_of(root) == write.key for root in filled_later):
        return False
    for value in options(write.value):
        made_of = walk(value, lambda term: term.op not in _LIKE)
        number = None if any(part in filled_later for part in made_of) else _number(value, mode)
        if number is None or number.equals(expected):
            return False
    return True


def _number(value: Value, mode: Mode) -> Size | None:
    """The number that a tensor holds throughout: `torch.full(size, T)`, `torch.ones(size) * T`."""
    if not isinstance(value, Term):
        return None
    args, given = positional(value.args), keywords(value.args)
    if value.op in _FULL:
        at = _FULL[value.op]
        filled = args[at] if len(args) > at else given.get("fill_value")
        return None if filled is None else mode.trace.shapes.size(filled)
    if value.op in ("torch.ones", "torch.ones_like", "new_ones"):
        return ONE
    if value.op in _ANYWHERE:
        return _number(args[0], mode)
    if value.op == "*" and len(args) == 2:
        one, other = (_number(arg, mode) or mode.trace.shapes.size(arg) for arg in args)
        return None if one is None or other is None else one * other
    return None


# What takes sizes, dtype and device of a tensor, and no number.
_LIKE = frozenset(
    {"torch.full_like", "new_full", "torch.ones_like", "new_ones", ".device", ".dtype", ".shape", "size"}
)
# Where those who fill a tensor with a number are given it.
_FULL = {
    "torch.full": 1,
    "torch.full_like": 1,
    "new_full": 2,
    "torch.tensor": 0,
    "torch.as_tensor": 0,
    "new_tensor": 1,
}
# Methods that leave one number as it is, wherever it comes to lie.
_ANYWHERE = frozenset(
    "to long int clone contiguous expand expand_as repeat view reshape flatten unsqueeze".split()
)
