"""What the numbers of a value go back to, as opposed to its shape, its type and where it lies."""

from __future__ import annotations

from collections.abc import Iterable

from policyfix.trace import Escape, InPlace, KeyWrite, Trace
from policyfix.values import UNKNOWN, Term, Thing, Value, key_of, parts, reach, storage

NETWORKS = frozenset({"module", "core"})  # a torch module applied, a recurrent core run

# Terms that say something about a tensor, but not its numbers.
_ABOUT = frozenset(
    ".shape .dtype .device .ndim .is_cuda size numel dim ndimension element_size new_empty".split()
)
_FRESH = frozenset(
    "zeros ones empty rand randn randint randperm zeros_like ones_like empty_like rand_like "
    "randn_like randint_like new_zeros new_ones new_empty eye".split()
)
_FILLED = {"full": 1, "full_like": 1, "new_full": 2}  # and where the number stands that fills them
# Terms whose further arguments lend only a shape or a type.
_SHAPED_AFTER = frozenset(
    "view reshape expand expand_as view_as reshape_as type_as flatten unflatten".split()
)


def goes_back_to(value: Value, trace: Trace, into_networks: bool = True) -> frozenset[Value]:
    """Everything that the numbers of a value are made of: through in-place writes, containers and entries of
    the TensorDict too. What a network was given is looked into only where that is asked for."""
    overwritten = _overwritten(trace)

    def onward(current: Value) -> Iterable[Value]:
        yield from overwritten.get(current, ())
        if isinstance(current, Thing):
            yield from trace.heap.of(current).values()
        elif into_networks or not (isinstance(current, Term) and current.op in NETWORKS):
            yield from _numbers(current, trace)

    return frozenset(reach(value, onward))


def asks_only(term: Term) -> bool:
    """Whether a term says something about a tensor, its shape or its type, but holds none of its numbers."""
    return _short(term) in _ABOUT | _FRESH or term.op.startswith("tensordict.")


def put_into(key: str, trace: Trace) -> list[Value]:
    """Whatever forward puts into an entry of a TensorDict: the tensors written, and what overwrites them."""
    overwritten = _overwritten(trace)
    entries = [tensor for tensor in overwritten if key_of(tensor) == key]
    written = [write.value for write in trace.of(KeyWrite) if write.key in (key, None)]
    return [*written, *(value for tensor in entries for value in overwritten[tensor])]


def _numbers(value: Value, trace: Trace) -> Iterable[Value]:
    """What the numbers of a value are directly made of."""
    if not isinstance(value, Term):
        return parts(value)
    key = key_of(value)
    if key is not None:
        return put_into(key, trace)
    name = _short(value)
    if asks_only(value) or value.op == "attribute":  # set by somebody else, not made of its owner
        return ()
    if name in _FILLED:
        return value.args[_FILLED[name] :]
    return value.args[:1] if name in _SHAPED_AFTER else value.args


def _short(term: Term) -> str:
    """`zeros`, for `torch.zeros` and `numpy.zeros`."""
    return term.op.rpartition(".")[2] if term.op.startswith(("torch.", "numpy.")) else term.op


def _overwritten(trace: Trace) -> dict[Value, list[Value]]:
    """What was written into a tensor in place, or may have been where it was handed away."""
    written: dict[Value, list[Value]] = {}
    for event in trace.of(InPlace):
        # A method's further arguments are not on record.
        contents = [event.value] if event.how != "method" else [event.value, UNKNOWN]
        for tensor in storage(event.target):
            written.setdefault(tensor, []).extend([*contents, *([event.mask] if event.mask else [])])
    for escape in trace.of(Escape):
        for tensor in storage(escape.value):
            if isinstance(tensor, Term) and _short(tensor) in _FRESH | _FILLED.keys():
                written.setdefault(tensor, []).append(UNKNOWN)
    return written
