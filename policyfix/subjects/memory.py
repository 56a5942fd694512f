"""What a policy does with the recurrent state that it keeps from one forward to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policyfix.record import record
from policyfix.subjects.policy import PolicyClass
from policyfix.trace import Branch, CoreCall, Escape, InPlace, Lookup, Store, Trace
from policyfix.values import (
    PARTS,
    SEQUENCE_CORES,
    VIEWS,
    Const,
    Either,
    Group,
    Term,
    Thing,
    Unknown,
    Value,
    either,
    is_fresh_state,
    is_tensordict,
    key_of,
    options,
    parts,
    reach,
    state_part,
    storage,
    walk,
    whole,
)

# Operations that choose, move or copy elements, and mask nothing.
_MOVING = VIEWS | PARTS | frozenset("slice clone to float half double bfloat16 many each".split())
_CHOOSING = frozenset({"index", "index_select", "torch.index_select"})
_STATES = frozenset({"core", "earlier"})
_PRESENCE = frozenset({"compareis", "compareis not", "comparein", "comparenot in"})
_MEASURES = frozenset(".shape .ndim .dtype .device size dim ndimension numel".split())
_BOTH = frozenset(
    "& and * torch.logical_and logical_and mul torch.mul bitwise_and torch.min torch.minimum minimum".split()
)
_MASKING = frozenset("masked_fill where torch.where * mul torch.mul".split())
_ZERO = (Const(0), Const(0.0))
_CASTS = (
    VIEWS | PARTS | frozenset("bool to float int long type each torch.as_tensor compare!= compare>".split())
)


@record()
class Piece:
    """A part of the state that a core starts from, h or c, as far as it was kept at an earlier call."""

    value: Value
    attributes: frozenset[str]  # ways that lead to what was kept: `_state`, `net.h`


def recalling_calls(policy: PolicyClass) -> tuple[CoreCall, ...]:
    """Calls of cores over time that start, in a rollout, from what the policy itself kept."""
    return tuple(call for call in policy.cores if any(_recalled_in(call.state)))


def pieces(call: CoreCall) -> tuple[Piece, ...]:
    """What of the state of a core was kept at an earlier call."""
    parts_of: dict[int, list[Value]] = {}  # h and c, each as it is on any path
    for option in options(call.state):
        for place, value in enumerate(option.items if isinstance(option, Group) else (option,)):
            parts_of.setdefault(place, []).append(value)
    found = ((value, frozenset(_recalled_in(value))) for value in map(either, parts_of.values()))
    return tuple(Piece(value, kept) for value, kept in found if kept)


def _recalled_in(value: Value) -> Iterator[str]:
    """Attributes whose earlier contents a value is made of, other than by way of a core."""
    return _ways_in(walk(value, lambda term: term.op != "core"))


def _kept_in(value: Value) -> Iterator[str]:
    """Attributes whose earlier contents a value is made of."""
    return _ways_in(walk(value))


def _ways_in(made_of: Iterable[Value]) -> Iterator[str]:
    for part in made_of:
        if isinstance(part, Term) and part.op == "earlier" and isinstance(part.args[0], Const):
            yield str(part.args[0].value)


def kept_attributes(policy: PolicyClass) -> tuple[str, ...]:
    """Ways that lead to what a rollout starts from: `lstm_h`, `core.state`."""
    kept = {way for call in recalling_calls(policy) for piece in pieces(call) for way in piece.attributes}
    return tuple(sorted(kept))


def live_state(policy: PolicyClass, trace: Trace) -> str | None:
    """What a method returns as it is of the state that forward goes on writing into: a container of it, or
    its tensors."""

    def held(current: Value) -> Iterable[Value]:
        if isinstance(current, Thing):
            return () if current.cls is not None else trace.heap.of(current).values()
        return () if isinstance(current, Term) else parts(current)

    returned = list(reach(trace.returned, held))
    if any(
        isinstance(thing, Thing)
        and thing.cls is None
        and any(map(_kept, trace.heap.contents(thing)))
        and policy.changed_in_place(thing)
        for thing in returned
    ):
        return "container"
    kept = {root for value in returned for tensor in whole(value) if (root := _earlier(tensor)) is not None}
    written = (write.target for other in policy.traces for write in other.of(InPlace))
    return None if kept.isdisjoint(t for target in written for t in storage(target)) else "tensors"


def _earlier(value: Value) -> Value | None:
    """What was kept at an earlier call, where a value is that, or one of several tensors that it is."""
    while isinstance(value, Term) and value.op == "index" and isinstance(value.args[1], Const):
        value = value.args[0]
    return value if isinstance(value, Term) and value.op == "earlier" else None


def _kept(value: Value) -> bool:
    return any(True for _ in _kept_in(value))


def keys_in(value: Value) -> frozenset[str]:
    """Keys of the TensorDict that a value is computed from; "*" for one that is computed itself."""
    return _keys_among(walk(value, lambda term: not is_tensordict(term) and term.op != "core"))


def _keys_among(values: Iterable[Value]) -> frozenset[str]:
    keys = ("*" if v.op == "td.index" else key_of(v) for v in values if isinstance(v, Term))
    return frozenset(key for key in keys if key is not None)


def _keys_behind(value: Value, trace: Trace) -> frozenset[str]:
    """Keys of the TensorDict that a value is computed from, what is written into its tensors included:
    `ended.logical_or_(td["truncateds"])`."""
    found = keys_in(value)
    made_of = set(walk(value, lambda term: term.op != "core"))
    for write in trace.of(InPlace):
        if not made_of.isdisjoint(storage(write.target)):
            written = (write.value, *write.arguments, *(() if write.mask is None else (write.mask,)))
            found = found.union(*map(keys_in, written))
    return found


def zeroed_by(policy: PolicyClass, piece: Piece, key: str, trace: Trace | None = None) -> bool | None:
    """Whether an entry of the TensorDict decides which rows of a kept piece start afresh, in a rollout: as a
    mask of the piece or of what is stored, in an in-place write, or (unknown) by way of a branch or of
    something that is not understood."""
    trace = policy.rollout if trace is None else trace
    if any(key in _keys_behind(value, trace) for value in _masked(piece, trace)):
        return True
    decided = [e.test for e in trace.of(Branch)] + [e.value for e in trace.of(Escape)]
    return None if any(key in _deciding(value) for value in decided) else False


def is_masked_otherwise(policy: PolicyClass, piece: Piece) -> bool:
    """Whether something other than the boundary flags may decide which rows start afresh: another key, or a
    mask that somebody else has set."""
    contract = policy.contract
    known = {contract.observation_key, contract.environment_key, *contract.stamps, *contract.outputs}
    known |= set(contract.boundary_keys)
    trace = policy.rollout
    values = list(_masked(piece, trace))
    if any(keys_in(value) - known or _has_stranger(value) for value in values):
        return True
    return any(_deciding(e.test) - known and _governs(e, piece, trace) for e in trace.of(Branch))


def _governs(branch: Branch, piece: Piece, trace: Trace) -> bool:
    """Whether something becomes of a kept piece under a test."""
    attributes = {way.rpartition(".")[2] for way in piece.attributes}
    moments = [s.order for s in trace.of(Store) if s.attribute in attributes]
    moments += [w.order for w in trace.of(InPlace) if any(_same(t, piece.value) for t in options(w.target))]
    moments += [p.order for p in walk(piece.value, lambda t: t.op != "core") if isinstance(p, Term)]
    return any(branch.order <= moment <= branch.end for moment in moments)


def shares_slot(policy: PolicyClass, call: CoreCall) -> bool:
    """Whether all that a core is given back was kept in one place for all environment groups."""
    return all(has_own_slot(policy, piece) is False for piece in pieces(call))


def only_keeps(policy: PolicyClass, call: CoreCall) -> bool:
    """Whether a core starts from nothing but its own state of an earlier call, rows of it zeroed where
    episodes end, or afresh; and whether nothing else is kept in that place."""
    kept = {way for piece in pieces(call) for way in piece.attributes}
    flags = frozenset(policy.contract.boundary_keys)
    values = [call.state]
    for trace in policy.traces:
        values += [s.value for s in trace.of(Store) if s.thing is policy.instance and s.attribute in kept]
        for write in trace.of(InPlace):
            if any(_same(t, piece.value) for t in options(write.target) for piece in pieces(call)):
                if write.operation not in ("", "masked_fill_", "mul_"):
                    return False
                values.append(write.value)
                values += [v for v in (write.mask, *write.arguments) if v is not None and not keys_in(v)]
    return all(_is_kept_state(value, flags) for value in values)


def _is_kept_state(value: Value, flags: frozenset[str]) -> bool:
    """Whether a value is a state that a core returned, now or earlier, with zeros in some rows, or zeros."""
    if is_fresh_state(value) or value in _ZERO:
        return True
    if isinstance(value, (Either, Group)):
        return all(_is_kept_state(part, flags) for part in parts(value))
    if not isinstance(value, Term):
        return False
    if value.op == "earlier" or state_part(value) is not None:
        return True
    if value.op == "many":
        return all(_is_kept_state(part, flags) for part in value.args)
    if value.op in _MOVING:
        return _is_kept_state(value.args[0], flags)
    if value.op in _MASKING:
        return all(_is_kept_state(a, flags) or frozenset() < keys_in(a) <= flags for a in value.args)
    return False


def lookups(policy: PolicyClass) -> tuple[Lookup, ...]:
    """How a rollout finds kept states in the containers that hold them."""
    kept = [piece for call in recalling_calls(policy) for piece in pieces(call)]
    trace = policy.rollout
    return tuple(e for e in trace.of(Lookup) if any(_holds(trace, e.container, piece) for piece in kept))


def has_own_slot(policy: PolicyClass, piece: Piece) -> bool | None:
    """Whether a kept piece is found again, in a rollout, by the environment group that the TensorDict names:
    an entry of a container, rows of a buffer, or (unknown) a way that is not understood."""
    key, trace = policy.contract.environment_key, policy.rollout
    indices = [e.index for e in trace.of(Lookup) if _holds(trace, e.container, piece)]
    indices += [
        index
        for part in walk(piece.value)
        if isinstance(part, Term) and part.op in _CHOOSING and any(_kept_in(part.args[0]))
        for index in part.args[1:]
    ]
    for write in trace.of(InPlace):
        chosen = write.arguments[:2] if write.operation == "index_copy_" else ()
        chosen += () if write.mask is None else (write.mask,)
        if chosen and any(_same(target, piece.value) for target in options(write.target)):
            indices += chosen
    if any(key in keys_in(index) for index in indices):
        return True
    known = {policy.contract.observation_key, *policy.contract.boundary_keys}
    if any(keys_in(index) - known or _is_strange(index) for index in indices):
        return None
    decided = [e.test for e in trace.of(Branch)] + [e.value for e in trace.of(Escape)]
    masks = list(_masked(piece, trace))
    if any(key in _deciding(value) for value in decided) or any(key in keys_in(value) for value in masks):
        return None
    return False


def _holds(trace: Trace, container: Thing, piece: Piece) -> bool:
    """Whether a container keeps the piece."""
    held = trace.heap.contents(container)
    return any(piece.attributes & set(_kept_in(value)) for value in held)


def demands_both(policy: PolicyClass, piece: Piece, keys: Iterable[str]) -> bool:
    """Whether rows start afresh only where all the flags are set."""
    wanted = set(keys)
    for value in _masked(piece, policy.rollout):
        for part in walk(value):
            both = isinstance(part, Term) and part.op in _BOTH and len(part.args) == 2
            if both and {key for arg in parts(part) for key in _flag(arg)} == wanted:
                return True
    return False


def zeroed_at_one_step(policy: PolicyClass, call: CoreCall, key: str) -> bool:
    """Whether training, where a core runs over a whole sequence in one call, zeroes its state by one column
    of the `[B, T]` flags: episodes that end at the other steps are not seen."""
    return any(
        isinstance(part, Term) and part.op == "index" and _is_column(part, key)
        for other in policy.training.of(CoreCall)
        if other.place == call.place and other.kind in SEQUENCE_CORES
        for piece in pieces(other)
        for value in _masked(piece, policy.training)
        for part in walk(value)
    )


def reset_fault(policy: PolicyClass, call: CoreCall) -> str | None:
    """What is wrong with the reset of the state that a core starts from; None where nothing certainly is."""
    kept, flags = pieces(call), policy.contract.boundary_keys
    if any(is_masked_otherwise(policy, piece) for piece in kept):
        return None
    answers = {(piece, flag): zeroed_by(policy, piece, flag) for piece in kept for flag in flags}
    if None in answers.values():
        return None
    either = " or ".join(flags)
    if True not in answers.values():
        return f"is given back to the core and never zeroed where {either}: episodes run into one another"
    missing = [flag for flag in flags if not any(answers[piece, flag] for piece in kept)]
    if missing:
        return f"is not zeroed where {' or '.join(missing)}"
    if False in answers.values():
        spared = next(piece for (piece, _), answer in answers.items() if answer is False)
        return f"in self.{sorted(spared.attributes)[0]} is zeroed only in part where {either}"
    if any(demands_both(policy, piece, flags) for piece in kept):
        return f"is zeroed only where {' and '.join(flags)}, not where either is set"
    lonely = [flag for flag in flags if not _zeroed_by_alone(policy, flag)]
    if len(lonely) == len(flags):
        return f"is zeroed only when the TensorDict has {' and '.join(flags)}"
    if lonely:
        return f"is not zeroed where {lonely[0]} when the TensorDict has no other flag"
    if any(zeroed_at_one_step(policy, call, flag) for flag in flags):
        return f"is zeroed at one step of a training sequence, not at every step where {either}"
    return None


def _zeroed_by_alone(policy: PolicyClass, flag: str) -> bool:
    """Whether a flag still zeroes the state when the TensorDict lacks the other flags, or nothing is certain:
    the forward raises, or is not understood."""
    others = frozenset(policy.contract.boundary_keys) - {flag}
    trace = policy.rollout_without(others)
    places = {call.place for call in recalling_calls(policy)}
    calls = [call for call in trace.of(CoreCall) if call.place in places]
    if trace.lacks or not (trace.complete and trace.returns):
        return True
    left = [piece for call in calls for piece in pieces(call)]
    return not left or any(zeroed_by(policy, piece, flag, trace) is not False for piece in left)


def _is_column(term: Term, key: str) -> bool:
    """`flags.view(B, T)[:, 0]`."""
    source, index = term.args
    if not (isinstance(index, Group) and any(_is_step(item) for item in index.items[1:])):
        return False
    while isinstance(source, Term) and source.op in _CASTS and source.op not in ("view", "reshape"):
        source = source.args[0]
    laid_out = isinstance(source, Term) and source.op in ("view", "reshape") and len(source.args) > 2
    return laid_out and key in keys_in(source) and not any(size == Const(1) for size in parts(source))


def _is_step(index: Value) -> bool:
    return isinstance(index, Const) and isinstance(index.value, int)


def _flag(value: Value) -> frozenset[str]:
    """The key, where a value is an entry of the TensorDict, cast or laid out otherwise."""
    while isinstance(value, Term) and key_of(value) is None and value.op in _CASTS:
        value = value.args[0]
    key = key_of(value)
    return frozenset() if key is None else frozenset({key})


def _masked(piece: Piece, trace: Trace) -> Iterator[Value]:
    """Values that decide what is left of a kept piece: the operations on the way to the core, masks and
    values of in-place writes, and what is stored."""
    yield from _operations(piece.value)
    for write in trace.of(InPlace):
        if any(_same(target, piece.value) for target in options(write.target)):
            yield from (v for v in (write.mask, write.value) if v is not None)
    for store in trace.of(Store):
        if store.attribute in {way.rpartition(".")[2] for way in piece.attributes}:
            yield from _operations(store.value)


def _operations(value: Value) -> Iterator[Term]:
    """Operations that a kept or a new state takes part in."""
    for part in walk(value, lambda term: term.op != "core"):
        computed = isinstance(part, Term) and part.op not in _MOVING and part.op not in _STATES
        if computed and any(isinstance(p, Term) and p.op in _STATES for p in walk(part)):
            assert isinstance(part, Term)
            yield part


def _same(target: Value, piece: Value) -> bool:
    """Whether an in-place write into a target changes the piece."""
    while isinstance(target, Term) and (
        target.op in VIEWS or (target.op == "index" and not isinstance(target.args[1], Const))
    ):
        target = target.args[0]
    return target in set(walk(piece)) and any(_kept_in(target))


def _has_stranger(operation: Value) -> bool:
    """Whether an operation on a kept state takes something whose origin is not seen."""
    if not any(_kept_in(operation)):
        return False
    others = [arg for arg in parts(operation) if not any(_kept_in(arg))]
    return any(_is_strange(other) for other in others)


def _is_strange(value: Value) -> bool:
    """Whether a value is made of something whose origin is not seen."""
    return any(
        isinstance(part, Unknown) or (isinstance(part, Term) and part.op in ("attribute", "parameter"))
        for part in walk(value, lambda term: key_of(term) is None and term.op not in _MEASURES)
    )


def _deciding(value: Value) -> frozenset[str]:
    """Keys whose contents, not just their presence, decide a branch or are handed on."""

    def enter(term: Term) -> bool:
        return key_of(term) is None and not is_tensordict(term) and term.op not in _PRESENCE | _MEASURES

    return _keys_among(walk(value, enter))
