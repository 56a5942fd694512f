"""How the rows of TensorDicts lie: which one an entry ends up in, and whether it fits there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policyfix.shapes import Shape, Shapes
from policyfix.trace import KeyWrite, Returned, Trace
from policyfix.values import Const, Term, Value, is_tensordict, options

# Methods of a TensorDict that may give the TensorDict itself.
_PERHAPS_ITSELF = frozenset(
    "td.to td.contiguous td.cpu td.cuda td.view td.detach td.select td.exclude".split()
)


def certain(guards: Sequence[tuple[Value, ...]]) -> bool:
    """Whether one of several things happens whatever undecided tests say; each is given by its guards."""
    if () in guards:
        return True
    tests = {g[0] for g in guards}
    return any(
        isinstance(no, Term)
        and no.op == "not"
        and no.args[0] in tests
        and certain([g[1:] for g in guards if g[0] is no.args[0]])
        and certain([g[1:] for g in guards if g[0] is no])
        for no in tests
    )


def misfits(write: KeyWrite, shapes: Shapes) -> bool:
    """Whether a tensor certainly cannot be an entry of the TensorDict that it is written to: a TensorDict
    raises where the leading sizes are not its batch size."""
    batch = [shapes.of(option) for option in options(write.tensordict)]
    return all(size is not None and _misfits(write.value, size, shapes) for size in batch)


def _misfits(value: Value, batch: Shape, shapes: Shapes) -> bool:
    if batch.open or any(isinstance(o, Const) or shapes.size(o) is not None for o in options(value)):
        return False  # plain numbers: some versions of tensordict spread them over the batch
    found = [shapes.of(option) for option in options(value)]
    return all(shape is not None and shape.differs(Shape(batch.sizes, open=True)) for shape in found)


def reaches(written: Value, returned: Value, shapes: Shapes) -> bool:
    """Whether what is written to one TensorDict may be found in another one: it is the same one, or what
    that one was made of."""
    return any(
        itself in _made_of(whole)
        for part in options(written)
        for itself in _perhaps(part, shapes)
        for whole in options(returned)
    )


def _perhaps(td: Value, shapes: Shapes) -> Iterator[Value]:
    """The TensorDict, and those that it may be the same object as."""
    yield td
    while isinstance(td, Term) and td.op.startswith("td.") and td.args:
        same = shapes.of(td) is None or shapes.of(td) == shapes.of(td.args[0])
        if td.op not in _PERHAPS_ITSELF and not (same and td.op != "td.clone"):
            return
        td = td.args[0]
        yield td


def _made_of(td: Value) -> set[Value]:
    """The TensorDict, and those whose entries it has."""
    found = {td}
    while isinstance(td, Term) and td.op.startswith("td.") and td.args:
        td = td.args[0]
        found.add(td)
    return found


def returned(trace: Trace) -> list[Returned]:
    """The ends of a forward, where all of them give back TensorDicts; none where that is not known."""
    known = trace.complete and trace.returns and all(map(is_tensordict, options(trace.returned)))
    return trace.of(Returned) if known else []
