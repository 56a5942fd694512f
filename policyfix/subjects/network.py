"""What the net of a policy does to its inputs: which layers follow which, and what a value is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from policyfix.record import record
from policyfix.subjects.policy import PolicyClass
from policyfix.trace import Escape, InPlace, KeyWrite, Store
from policyfix.values import (
    UNKNOWN,
    VIEWS,
    Either,
    Group,
    Term,
    Value,
    options,
    parts,
    reach,
    storage,
    walk,
)

AFFINE = frozenset(
    f"new:torch.nn.{name}" for name in ("Linear", "LazyLinear", "Conv1d", "Conv2d", "Conv3d", "LazyConv2d")
)
# Modules whose output is their input laid out anew, or with elements left out.
_PASSING_MODULES = frozenset(
    f"new:torch.nn.{name}"
    for name in ("Flatten", "Unflatten", "Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout")
)
# The same as methods and functions.
_LAYING_OUT = VIEWS - frozenset("detach data chunk split unbind byte real requires_grad_ diagonal".split())
_PASSING = _LAYING_OUT | frozenset(
    "index to float clone torch.flatten torch.reshape torch.squeeze torch.unsqueeze torch.transpose "
    "torch.permute einops.rearrange torch.nn.functional.dropout torch.clone".split()
)
_CASTING = _LAYING_OUT | frozenset("index long int float half to".split())
_PRODUCTS = frozenset(
    "* @ mul matmul bmm mm torch.mul torch.matmul torch.bmm torch.mm torch.baddbmm torch.einsum "
    "torch.nn.functional.scaled_dot_product_attention torch.nn.functional.linear".split()
)
_SUMS = frozenset("+ - add sub torch.add torch.sub".split())
_LIKE = frozenset("view_as expand_as reshape_as type_as".split())
_SHAPE_READS = _LIKE | frozenset(
    "size dim numel ndimension stride new_zeros new_ones new_full new_empty new_tensor torch.zeros_like "
    "torch.ones_like torch.empty_like torch.full_like torch.rand_like torch.randn_like len".split()
)


@record()
class Adjacency:
    """An affine layer's output, and the affine layers that take nothing but it, with nothing nonlinear
    between."""

    first: Term
    followers: tuple[Term, ...]


def adjacent_affine(policy: PolicyClass) -> Iterator[Adjacency]:
    """Affine layers of forward all of whose uses are affine layers again."""
    layers = [t for t in policy.forward_terms if is_affine(t)]
    if len(layers) < 2:
        return
    users = _users(policy.forward_terms)
    ends = set(_ends(policy))
    for layer in layers:
        followers = _followers(layer, users, ends)
        if followers:
            yield Adjacency(layer, tuple(followers))


def is_affine(value: Value) -> bool:
    """Whether a value is the output of a linear or convolutional layer."""
    if not isinstance(value, Term) or value.op != "module" or len(value.args) != 2:
        return False
    module = value.args[0]
    return isinstance(module, Term) and module.op in AFFINE


def _flat(value: Value) -> Iterator[Value]:
    """A value with its alternatives and the items of its tuples."""
    return reach(value, lambda v: parts(v) if isinstance(v, (Group, Either)) else ())


def _users(terms: Iterable[Term]) -> Mapping[Value, list[Term]]:
    """The operations that take a value directly."""
    users: dict[Value, list[Term]] = {}
    for term in terms:
        for part in {p for a in term.args for p in _flat(a)}:
            users.setdefault(part, []).append(term)
    return users


def _ends(policy: PolicyClass) -> Iterator[Value]:
    """Values that leave forward, are kept, overwritten or handed to what is not understood."""
    for trace in policy.traces:
        yield from _flat(trace.returned)
        for event in trace.events:
            match event:
                case KeyWrite(value=value) | Store(value=value) | Escape(value=value):
                    yield from _flat(value)
                case InPlace(target=target, value=value):
                    yield from _flat(value)
                    for part in storage(target):
                        yield from _flat(part)
                case _:
                    pass


def _followers(layer: Term, users: Mapping[Value, list[Term]], ends: set[Value]) -> list[Term]:
    """The affine layers that a layer's output goes to; none where it goes anywhere else too."""
    followers: dict[Term, None] = {}
    seen: set[Value] = set()
    todo: list[Value] = [layer]
    while todo:
        value = todo.pop()
        if value in seen:
            continue
        seen.add(value)
        if value in ends:
            return []
        for user in users.get(value, ()):
            if _reads_shape(user, value):
                continue
            if is_affine(user):
                if not all(_is_affine_still(o) for o in options(user.args[1])) or _projects(
                    user, layer, users
                ):
                    return []
                followers[user] = None
            elif _passes(user, value):
                todo.append(user)
            else:
                return []
    return list(followers)


def _projects(follower: Term, layer: Term, users: Mapping[Value, list[Term]]) -> bool:
    """Whether a layer's output is one side of a product, or of a sum that the first layer has no part in:
    attention and gates project both sides first."""
    todo: list[Value] = [follower]
    seen: set[Value] = set()
    while todo:
        value = todo.pop()
        seen.add(value)
        for user in users.get(value, ()):
            if user.op in _PRODUCTS or user.op in _SUMS:
                others = [
                    a
                    for arg in user.args
                    for a in _flat(arg)
                    if a not in seen and depends_on_input(a) and not is_mask(a)
                ]
                if any(user.op in _PRODUCTS or layer not in set(walk(other)) for other in others):
                    return True
            elif user not in seen and user.op not in _LIKE and _passes(user, value):
                todo.append(user)
    return False


def is_mask(value: Value) -> bool:
    """Whether a value is made of comparisons, and of nothing but them: 0 or 1."""
    while isinstance(value, Term) and value.op in _CASTING:
        value = value.args[0]
    if not isinstance(value, Term):
        return False
    joined = value.op in ("&", "|", "~", "torch.logical_and", "torch.logical_or", "torch.logical_not")
    return value.op.startswith("compare") or (joined and all(map(is_mask, value.args)))


def _reads_shape(user: Term, value: Value) -> bool:
    if user.op in _LIKE and value in _flat(user.args[0]):
        return False
    return user.op.startswith(".") or user.op in _SHAPE_READS


def _passes(user: Term, value: Value) -> bool:
    """Whether an operation hands a value on as it is: laid out anew, thinned, beside constants."""
    if user.op in ("torch.cat", "torch.concat"):
        items = user.args[0].items if isinstance(user.args[0], Group) else ()
        return value in items and not any(depends_on_input(i) for i in items if i is not value)
    if user.op == "module":
        module = user.args[0]
        return isinstance(module, Term) and module.op in _PASSING_MODULES
    return user.op in _PASSING and value in _flat(user.args[0])


def _is_affine_still(value: Value) -> bool:
    """Whether a value is an affine layer's output, however it was laid out since."""
    while not is_affine(value):
        if not isinstance(value, Term) or not value.args:
            return False
        if value.op in ("torch.cat", "torch.concat") and isinstance(value.args[0], Group):
            source = next((i for i in value.args[0].items if depends_on_input(i)), UNKNOWN)
        else:
            source = value.args[1] if value.op == "module" and len(value.args) > 1 else value.args[0]
        if not _passes(value, source) or isinstance(source, Either):
            return False
        value = source
    return True


def depends_on_input(value: Value) -> bool:
    """Whether a value may depend on what the forward is given; on the sizes of it alone does not count."""
    return any(
        part is UNKNOWN
        or (isinstance(part, Term) and part.op in ("td", "input", "parameter", "action", "earlier", "core"))
        for part in walk(value, lambda t: not (t.op in _SHAPE_READS - _LIKE or t.op == ".shape"))
    )
