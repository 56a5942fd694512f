from __future__ import annotations

from collections.abc import Iterator

from policyfix.project import External
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import InPlace, Place, Trace
from policyfix.values import VIEWS, Const, Either, Ref, Term, Value, key_of, keyword, options


class IntegerDivisionLost(Rule[PolicyClass]):
    """A quotient is written back into an integer tensor, which keeps its whole part only.

    ## What it does
    Reports `x[...] = x[...] / n` where `x` is known to hold integers: the contract's observation, or what was
    converted to or made of an integer dtype.

    ## Why it matters
    The assignment rounds towards zero without a word: everything below the divisor becomes 0. A normalised
    value between 0 and 1 is 0 for all inputs but the largest, and the net never sees the feature.

    ## Example
    ```python
    tokens = td["env_obs"].clone()
    tokens[..., 2] = tokens[..., 2] / 255
    ```

    ## Use instead
    ```python
    tokens = td["env_obs"].float()
    tokens[..., 2] = tokens[..., 2] / 255
    ```

    ## Fix safety
    Unsafe: the tensor holds floats from there on, and the numbers that were lost arrive. Not offered where
    code that comes after needs integers, as indices for instance.

    ## Source
    Metta-AI/metta, `ObsAttrValNorm`: attribute values divided by their normalisation and written back into
    the uint8 tokens.
    """

    code = "PF509"
    name = "integer-division-lost"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        said: set[Place] = set()
        for trace in policy.traces:
            for write in self._lost(trace, policy):
                if write.place not in said:
                    said.add(write.place)
                    yield self.finding(
                        write.place,
                        "a quotient is written into an integer tensor: what is below the divisor becomes 0",
                        policy,
                    )

    @staticmethod
    def _lost(trace: Trace, policy: PolicyClass) -> Iterator[InPlace]:
        writes = trace.of(InPlace)
        loud = {w.place for w in writes if w.how == "augmented"}  # `x /= n` raises for integers
        for write in writes:
            value = write.value
            if write.operation == "copy_" and write.arguments:
                value = write.arguments[0]
            elif write.how != "subscript" or write.place in loud:
                continue
            targets = [w.target for w in writes if w.place == write.place]  # whatever the path was
            quotient = any(_is_quotient(o) for o in options(value))
            if quotient and all(_holds_integers(target, policy) for target in targets):
                yield write


_KEEPING_DTYPE = VIEWS | frozenset(
    "index clone each masked_fill torch.clone torch.masked_fill einops.rearrange einops.repeat repeat "
    "torch.zeros_like torch.ones_like torch.empty_like torch.full_like".split()
)
_INTEGERS = frozenset("long int short byte".split())
_UNROUNDED = _KEEPING_DTYPE - {"byte"} | {"float"}


def _is_quotient(value: Value) -> bool:
    """Whether a value is a true division by something that is not known to be small, rounded by nobody."""
    while isinstance(value, Term):
        if value.op in ("/", "div", "torch.div", "true_divide", "torch.true_divide"):
            by = value.args[1] if len(value.args) > 1 else None
            small = isinstance(by, Const) and isinstance(by.value, (int, float)) and abs(by.value) <= 1
            return not small and keyword(value, "rounding_mode") in (None, Const(None))
        shifted = value.op in ("+", "-") and isinstance(value.args[-1], Const)
        if shifted or value.op in _UNROUNDED:
            value = value.args[0]
        else:
            return False
    return False


def _holds_integers(value: Value, policy: PolicyClass) -> bool:
    """Whether a tensor is known to have an integer dtype on every path."""
    if isinstance(value, Either):
        return all(_holds_integers(o, policy) for o in value.options)
    if not isinstance(value, Term):
        return False
    named = keyword(value, "dtype")
    if named is not None:
        return _is_integer_dtype(named)
    if value.op in _INTEGERS:
        return True
    if key_of(value) is not None:
        dtype = policy.contract.observation_dtype
        return key_of(value) == policy.contract.observation_key and policy.takes_tensordict and "int" in dtype
    if value.op in ("to", "type"):
        dtypes = [a for a in value.args[1:] if isinstance(a, Ref)]
        if dtypes:
            return _is_integer_dtype(dtypes[0])
        moved = all(_is_device(a) or _is_manner(a) for a in value.args[1:])
        return moved and _holds_integers(value.args[0], policy)
    if value.op == "torch.where" and len(value.args) == 3:
        return all(_holds_integers(v, policy) or _is_whole(v) for v in value.args[1:])
    if value.op in _KEEPING_DTYPE and value.args:
        return _holds_integers(value.args[0], policy)
    return False


def _is_whole(value: Value) -> bool:
    return isinstance(value, Const) and isinstance(value.value, int)


def _is_manner(value: Value) -> bool:
    """Whether an argument of `to` says how to copy, not to what."""
    return isinstance(value, Term) and value.op in ("=non_blocking", "=copy", "=memory_format")


def _is_device(value: Value) -> bool:
    """Whether a value names a device, and so no dtype: text, `torch.device(...)`, `x.device`, and what was
    brought in under that name."""
    match value:
        case Either(options=choices):
            return all(_is_device(choice) for choice in choices)
        case Const(value=str() | None) | Term(op="=device" | ".device" | "torch.device"):
            return True
        case Term(op="attribute" | "parameter", args=(*_, Const(value="device"))):
            return True
        case _:
            return False


def _is_integer_dtype(value: Value) -> bool:
    """`torch.uint8`, `torch.long`, ..."""
    return (
        isinstance(value, Ref)
        and isinstance(value.symbol, External)
        and value.symbol.name.removeprefix("torch.")
        in ("uint8", "int8", "int16", "int32", "int64", "long", "int", "short", "uint16", "uint32", "uint64")
    )
