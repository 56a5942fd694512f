"""Which values of a forward are tensors, where they were made, and what waits for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from policyfix.project import External
from policyfix.subjects.policy import PolicyClass
from policyfix.trace import Called, InPlace, Trace
from policyfix.values import (
    NONE,
    Const,
    Either,
    Group,
    Ref,
    Term,
    Unknown,
    Value,
    key_of,
    keywords,
    options,
    positional,
    storage,
    walk,
)

# Methods, attributes and builtins that say something of a tensor without waiting for its values.
_LAYOUT = frozenset(
    ".shape .device .dtype .ndim .is_cuda .requires_grad .layout size dim ndimension numel nelement stride "
    "element_size is_contiguous get_device data_ptr is_floating_point is_complex is_sparse len isinstance "
    "type hasattr str repr id callable print range torch.is_tensor torch.numel "
    "torch.is_floating_point".split()
)
# Questions about what a value is, or is among: what is among numbers was fetched before.
_PRESENCE = ("compareis", "comparein", "comparenot in", "tensordict.")
_VALUES = frozenset("item tolist numpy".split())  # what leaves the device
_FUNCTIONS = ("torch.nn.functional", "torch.linalg", "torch.fft", "torch.special", "einops")
_NO_TENSOR = frozenset(
    "torch.device torch.Size torch.Generator torch.finfo torch.iinfo torch.no_grad torch.inference_mode "
    "torch.enable_grad torch.set_grad_enabled torch.autocast torch.typename torch.allclose torch.equal "
    "torch.compile torch.manual_seed torch.seed torch.initial_seed torch.get_default_dtype "
    "torch.is_grad_enabled torch.is_autocast_enabled".split()
)
_ARITHMETIC = frozenset(
    "+ - * / // % ** @ & | ^ << >> ~ compare== compare!= compare< compare<= compare> compare>=".split()
)
_RESULTS = frozenset(".values .indices .real .imag .mT .H".split())

# What makes a tensor on the default device unless it is told another.
CREATORS = frozenset(
    f"torch.{name}"
    for name in "zeros ones full empty arange linspace logspace eye rand randn randint randperm tensor "
    "Tensor FloatTensor DoubleTensor LongTensor IntTensor BoolTensor ByteTensor from_numpy".split()
)
_MOVES = frozenset("to cuda type_as cpu pin_memory".split())
# What the trainer decides when it calls forward: the mode, and whose state it is.
_CALLERS = frozenset({Const("state"), Const("action"), Const("actions")})


def is_tensor(value: Value, numbers: Collection[Value] = ()) -> bool:
    """Whether a value is certainly a tensor, where it is not None: `numbers` are none, nor what is made of
    them."""
    todo, seen = [value], set[Value]()
    while todo:
        current = todo.pop()
        if current in seen or current == NONE:
            continue
        seen.add(current)
        if isinstance(current, Either):
            todo.extend(current.options)
        elif not isinstance(current, Term) or current in numbers:
            return False
        elif key_of(current) is not None or current.op in ("core", "module", "action"):
            continue
        elif current.op in _ARITHMETIC:
            if not any(isinstance(a, (Term, Either)) and is_tensor(a, numbers) for a in current.args):
                return False
        elif not _makes_tensor(current):
            if current.op in _LAYOUT or current.op in _VALUES or not current.args:
                return False
            if not (current.op.isidentifier() or current.op in _RESULTS):
                return False
            todo.append(current.args[0])  # a method of a tensor gives one
    return True


def _makes_tensor(term: Term) -> bool:
    prefix, _, name = term.op.rpartition(".")
    if prefix == "torch":
        return term.op not in _NO_TENSOR | _LAYOUT and (name[:1].islower() or name.endswith("Tensor"))
    return prefix in _FUNCTIONS


def fetched(trace: Trace) -> frozenset[Value]:
    """The numbers that builtins make of tensors: `float(x)` is one, `x.float()` a tensor."""
    return frozenset(call.result for call in trace.of(Called) if call.name in ("bool", "int", "float"))


def depends_on_values(value: Value) -> bool:
    """Whether a value is made of the contents of a tensor, not just of its layout or presence."""
    return any(
        key_of(part) is not None or (isinstance(part, Term) and part.op in ("core", "module"))
        for part in contents(value)
    )


def truths(test: Value) -> Iterator[Value]:
    """What the truth of a test hangs on: its alternatives, without lists, whose truth is their length."""
    for option in options(test):
        if isinstance(option, Term) and option.op == "not":
            yield from truths(option.args[0])
        elif not (isinstance(option, Term) and option.op == "each"):
            yield option


def contents(value: Value) -> Iterator[Value]:
    """What the contents of a value are made of, and not just its layout or presence."""
    return walk(value, lambda term: not (term.op in _LAYOUT or term.op.startswith(_PRESENCE)))


def filled(writes: Iterable[InPlace]) -> Iterator[tuple[Value, int]]:
    """Tensors that were made without contents, or with others, and when contents were written into them."""
    for write in writes:
        if any(map(depends_on_values, (write.value, *write.arguments))):
            for root in filter(is_tensor, storage(write.target)):
                yield root, write.order


def is_hot(guards: Iterable[Value], in_every_step: bool = True) -> bool:
    """Whether what runs under these tests runs in every step of some rollout or training: they ask for the
    mode or for what the TensorDict looks like, not for a setting. Or whether it runs in some step: a test for
    what was kept may let the first one pass, and the contents of a tensor those that have them."""
    for guard in guards:
        if isinstance(guard, Term) and guard.op == "torch.device":
            continue
        if any(map(depends_on_values, truths(guard))):
            if in_every_step:
                return False
            continue
        for part in walk(guard):
            if isinstance(part, (Unknown, Ref)):
                return False
            if isinstance(part, Term) and part.op in ("attribute", "keywords", "env", "opaque"):
                return False
            if in_every_step and isinstance(part, Term) and part.op == "earlier":
                return False
            if isinstance(part, Term) and part.op == "parameter" and not _CALLERS.issuperset(part.args):
                return False
    return True


def created_without_device(call: Called) -> bool:
    """Whether a call makes a tensor with at least one dimension on the default device."""
    if call.name not in CREATORS:
        return False
    named = keywords(call.arguments).keys()
    placed = any(isinstance(g, Term) and g.op == "torch.device" for g in call.guards)
    if placed or named & {"device", "out", "**"}:
        return False
    content = positional(call.arguments)
    if call.name == "torch.tensor":
        listed = content[0] if content else None
        return (isinstance(listed, Group) and bool(listed.items)) or (
            isinstance(listed, Term) and listed.op == "each"
        )
    return bool(content) and not (isinstance(content[0], Group) and not content[0].items)


def is_moved(value: Value, terms: Iterable[Term]) -> bool:
    """Whether a tensor, or something computed from it alone, is moved to another device. What it was computed
    with lies on one already, unless that was brought to the host."""
    return any(
        term.op in _MOVES
        and value in walk(term.args[0])
        and not _only_dtype(term)
        and (not depends_on_values(term.args[0]) or any(map(_is_on_host, walk(term.args[0]))))
        for term in terms
        if term.args
    )


def _is_on_host(value: Value) -> bool:
    return isinstance(value, Term) and (
        value.op == "cpu" or (value.op == "to" and Const("cpu") in value.args[1:])
    )


def _only_dtype(term: Term) -> bool:
    """`x.to(torch.float32)`, `x.to(dtype=torch.long)`: the device stays."""
    return term.op == "to" and all(
        (isinstance(a, Ref) and isinstance(a.symbol, External) and a.symbol.name.startswith("torch."))
        or (isinstance(a, Term) and a.op == "=dtype")
        for a in term.args[1:]
    )


def calls(policy: PolicyClass, in_every_step: bool = True) -> Iterator[Called]:
    """The calls on every path of forward, or in some of its steps, in either mode."""
    for trace in policy.traces:
        for call in trace.of(Called):
            if is_hot(call.guards, in_every_step):
                yield call
