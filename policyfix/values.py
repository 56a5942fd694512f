"""The symbolic values that flow through a policy, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from operator import attrgetter

from policyfix.facts import ir
from policyfix.project import External, LinkedClass, Module, Symbol
from policyfix.record import record

MAX_ALTERNATIVES = 8

SEQUENCE_CORES = frozenset({"torch.nn.LSTM", "torch.nn.GRU", "torch.nn.RNN"})
# What the project writes itself, whose state is one tensor, or h and c.
OWN_CELL, OWN_PAIR_CELL = "project.Cell", "project.PairCell"
CELL_CORES = frozenset({"torch.nn.LSTMCell", "torch.nn.GRUCell", "torch.nn.RNNCell", OWN_CELL, OWN_PAIR_CELL})
CORES = SEQUENCE_CORES | CELL_CORES

TENSORDICTS = frozenset(
    {"tensordict.TensorDict", "tensordict.TensorDictBase", "tensordict.tensorclass.TensorDict"}
)
# Terms that only a TensorDict, and no dict, gives rise to.
TENSORDICT_ONLY = frozenset(
    "td.reshape td.view td.flatten td.unflatten td.unsqueeze td.squeeze td.clone td.to td.select td.exclude "
    "tensordict.batch_size tensordict.batch_dims tensordict.numel tensordict.device".split()
)

MODULE_CONTAINERS = frozenset({"new:torch.nn.Sequential", "new:torch.nn.ModuleList"})

# Under what an instance of a class that inherits from one of torch's layers holds that layer.
TORCH_LAYER = "torch"

# Methods of a TensorDict that copy its tensors, always or to another device.
_COPIES = frozenset("td.to td.cpu td.cuda td.contiguous".split())

# Methods whose result shares the storage of the tensor (`reshape` and its kin wherever they can).
VIEWS = frozenset(
    "view reshape flatten unflatten unsqueeze squeeze transpose permute expand expand_as view_as T mT "
    "narrow select contiguous detach data movedim swapaxes swapdims chunk split unbind diagonal "
    "requires_grad_ byte reshape_as t real as_strided ravel".split()
)


# Views that leave the elements where they lie, and operations that copy where they do not lie so.
_KEEPING_LAYOUT = frozenset(
    "view view_as unflatten unsqueeze squeeze detach data requires_grad_ byte reshape flatten "
    "contiguous".split()
)
_LAYING_FLAT = frozenset("reshape flatten contiguous reshape_as ravel".split())

# Views of a part of the tensor.
_CUTTING = frozenset("narrow select chunk split unbind diagonal as_strided real".split())


@record()
class Unknown:
    """A value that is not followed."""


UNKNOWN = Unknown()


class Const:
    """A value that the source spells out. Equal ones of one type are the same object."""

    __slots__ = __match_args__ = ("value",)
    value: object

    def __new__(cls, value: object) -> Const:
        key = (type(value), value)
        known = _constants.get(key)
        if known is None:
            known = _constants[key] = super().__new__(cls)
            known.value = value
        return known

    def __repr__(self) -> str:
        return f"Const({self.value!r})"


_constants: dict[tuple[type, object], Const] = {}


NONE = Const(None)


@record(eq=False)
class Term:
    """The result of an operation. Interned within one run, so equal terms are the same object."""

    op: str
    args: tuple[Value, ...]
    order: int  # when it first came up: terms and events share one clock


@record(eq=False)
class Group:
    """A tuple of known length. Made by `group`, so equal ones are the same object."""

    items: tuple[Value, ...]


@record(eq=False)
class Either:
    """One of several values, by branch. Made by `either`, so equal ones are the same object."""

    options: frozenset[Value]


@record(eq=False)
class Thing:
    """Something with mutable contents: an instance of a project class, a dict, a list."""

    kind: str
    cls: LinkedClass | None = None


@record()
class Ref:
    """A class, function or module by reference."""

    symbol: Symbol


@record()
class Bound:
    """A method with its receiver; `owner` is the class that defines it."""

    function: ir.FunctionFacts
    owner: LinkedClass
    receiver: Value


@record()
class Super:
    owner: LinkedClass
    receiver: Thing


@record(eq=False)
class Local:
    """A function defined inside another one."""

    function: ir.FunctionFacts
    module: Module
    environment: dict[str, Value]


@record()
class Method:
    """A method of a value that is no project instance: a tensor, a TensorDict, a dict, a list."""

    receiver: Value
    name: str


Value = Unknown | Const | Term | Group | Either | Thing | Ref | Bound | Super | Local | Method


# Values are compared by identity, which keeps every question about them linear in their size: equal tuples
# and alternatives are made once. One run at a time fills these tables.
_groups: dict[tuple[Value, ...], Group] = {}
_eithers: dict[frozenset[Value], Either] = {}


def forget() -> None:
    """Empties the tables before a new run."""
    _groups.clear()
    _eithers.clear()


def group(items: Iterable[Value]) -> Group:
    """A tuple of values."""
    key = tuple(items)
    return _groups.setdefault(key, Group(key))


def either(values: Iterable[Value]) -> Value:
    """One of the values. Unknown absorbs nothing: what is known of one path stays known."""
    options: dict[Value, None] = {}
    for value in values:
        if isinstance(value, Either):
            options.update(dict.fromkeys(value.options))
        else:
            options[value] = None
    if len(options) == 1:
        return next(iter(options))
    if not options:
        return UNKNOWN
    if len(options) > MAX_ALTERNATIVES:
        return Term("many", tuple(options), 0)  # what flows in stays visible
    key = frozenset(options)
    return _eithers.setdefault(key, Either(key))


def options(value: Value) -> Iterable[Value]:
    return value.options if isinstance(value, Either) else (value,)


def is_tensordict(value: Value) -> bool:
    """Whether a value is a TensorDict: the forward's own, a new one, or one made from them."""
    return isinstance(value, Term) and (
        value.op in ("td", "new:tensordict.TensorDict") or value.op.startswith("td.")
    )


def is_new_tensordict(value: Value) -> bool:
    """Whether a value is a TensorDict that the run has made, of its own entries."""
    return isinstance(value, Term) and value.op == "new:tensordict.TensorDict"


def is_module(value: Value) -> bool:
    """Whether a value is an instance of a torch module or of a class of the project."""
    if isinstance(value, Thing):
        return value.kind == "instance"
    return isinstance(value, Term) and value.op.startswith("new:torch.nn.")


def submodules(value: Value) -> list[Value] | None:
    """The modules of a `Sequential` or `ModuleList` in order; None where that is not known."""
    if not isinstance(value, Term) or value.op not in MODULE_CONTAINERS:
        return None
    held = list(value.args[1:])
    if value.op == "new:torch.nn.ModuleList" and held:
        if len(held) > 1 or not isinstance(held[0], Group):
            return None
        held = list(held[0].items)
    return held if all(is_module(m) for m in held) else None


def is_none(value: Value) -> bool | None:
    """Whether a value is None: yes, no, or unknown."""
    match value:
        case Const(value=held):
            return held is None
        case Unknown():
            return None
        case Either(options=choices):
            answers = {is_none(o) for o in choices}
            return answers.pop() if len(answers) == 1 else None
        case Term(op="attribute" | "earlier" | "parameter" | "keywords"):
            return None
        case Ref(symbol=External(name=name)):  # `torch.version.hip` is None where torch knows no ROCm
            return None if name.rpartition(".")[2].islower() else False
        case _:
            return False


# --------------------------------------------------------------------------------- what can be asked

# Operations through which a recurrent state stays a recurrent state.
_CARRYING = VIEWS | frozenset(
    "index each many detach clone to cpu cuda pin_memory float half bfloat16 double type "
    "masked_fill where mul torch.stack torch.cat torch.where torch.clone torch.mul * tuple slice "
    "index_copy index_put scatter slice_scatter select_scatter index_select torch.index_select".split()
)
PARTS = frozenset({"index", "each"})  # an element or a slice of something
_ZEROS = frozenset(["torch.zeros", "torch.zeros_like", "new_zeros", "torch.Tensor.new_zeros"])


def parts(value: Value) -> Collection[Value]:
    """What a value is directly made of."""
    held = _MADE_OF.get(type(value))
    return () if held is None else held(value)


_MADE_OF: dict[type, Callable[[Value], Collection[Value]]] = {
    Term: attrgetter("args"),
    Group: attrgetter("items"),
    Either: attrgetter("options"),
}


def reach(value: Value, onward: Callable[[Value], Iterable[Value]]) -> Iterator[Value]:
    """The value and everything that `onward` leads to from there, each once."""
    seen: set[Value] = set()
    todo = [value]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            yield current
            todo.extend(onward(current))


def walk(value: Value, enter: Callable[[Term], bool] | None = None) -> Iterator[Value]:
    """The value and everything that it is made of, each once; what `enter` refuses is not looked into.

    Rules ask this most: a `reach` without a call for each part.
    """
    seen: set[Value] = set()
    todo = [value]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        yield current
        held = _MADE_OF.get(type(current))
        if held is not None and (enter is None or not isinstance(current, Term) or enter(current)):
            todo.extend(held(current))


def is_keyword(value: Value) -> bool:
    """Whether an argument of a call was given by its name: the term `=name`."""
    return isinstance(value, Term) and value.op.startswith("=")


def positional(arguments: Iterable[Value]) -> tuple[Value, ...]:
    """The arguments of a call that were given by position."""
    return tuple(a for a in arguments if not is_keyword(a))


def keywords(arguments: Iterable[Value]) -> dict[str, Value]:
    """The arguments of a call that were given by name; "**" is one too."""
    return {a.op[1:]: a.args[0] for a in arguments if isinstance(a, Term) and is_keyword(a)}


def keyword(term: Term, name: str) -> Value | None:
    """The argument of a call that was given by that name."""
    return keywords(term.args).get(name)


def argument(term: Term, position: int, name: str) -> Value | None:
    """An argument of a method, or of a module's constructor, by name or position."""
    given = positional(term.args[1:])
    return given[position] if position < len(given) else keyword(term, name)


def key_of(value: Value) -> str | None:
    """The key, where a value is an entry of the forward's TensorDict."""
    if isinstance(value, Term) and value.op == "item" and is_tensordict(value.args[0]):
        key = value.args[1]
        return key.value if isinstance(key, Const) and isinstance(key.value, str) else None
    return None


def aliases(value: Value, key: str, dtype: str) -> bool:
    """Whether, on some path, the value shares its storage with the entry `key`, of that dtype."""
    shared = _back(value, lambda term: _shared(term, dtype))
    return any(
        key_of(part) == key and isinstance(part, Term) and _shares_entries(part.args[0]) for part in shared
    )


def _shares_entries(td: Value) -> bool:
    """Whether a TensorDict holds the very tensors of the forward's, or views of them."""
    while isinstance(td, Term) and td.op != "td":
        if td.op == "td.clone" and td.args[1:] != (Const(False),):
            return False
        if td.op == "td.index" and not _is_basic_index(td.args[1]):
            return False
        if td.op in _COPIES or not td.op.startswith("td."):
            return False
        td = td.args[0]
    return isinstance(td, Term)


def _shared(term: Term, dtype: str) -> Iterable[Value]:
    """What a term shares its storage with."""
    if not term.args or key_of(term) is not None:
        return ()
    source = term.args[:1]
    if term.op in _LAYING_FLAT:  # a view of what lies in one piece, a copy of anything else
        return source if all(_in_one_piece(part) for part in storage(source[0])) else ()
    if term.op in VIEWS or term.op == "each":
        return source
    if term.op == "index":
        return source if _is_basic_index(term.args[1]) else ()
    if term.op == "to":
        return source if term.args[1:] == (Ref(External(f"torch.{dtype}")),) else ()
    return term.args if term.op == "many" else ()


def _in_one_piece(value: Value) -> bool:
    return not isinstance(value, Term) or value.op in _KEEPING_LAYOUT or value.op not in VIEWS | PARTS


def _back(value: Value, through: Callable[[Term], Iterable[Value]]) -> Iterator[Value]:
    """The value, its alternatives, and what `through` says that a term goes back to, each once."""

    def onward(current: Value) -> Iterable[Value]:
        if isinstance(current, Either):
            return current.options
        return through(current) if isinstance(current, Term) else ()

    return reach(value, onward)


def _is_basic_index(index: Value) -> bool:
    """Integers, slices, None and `...` give a view; tensors and lists a copy; anything else is not known."""
    items = index.items if isinstance(index, Group) else (index,)
    return all(isinstance(i, Const) or (isinstance(i, Term) and i.op in ("slice", "count")) for i in items)


def storage(value: Value) -> Iterator[Value]:
    """The value, and the tensors or containers that it may be a view of."""
    return _back(value, lambda term: term.args[:1] if term.op in PARTS or term.op in VIEWS else ())


def whole(value: Value) -> Iterator[Value]:
    """The value, and the tensors that it is a view of from the first element to the last."""
    return _back(value, lambda term: term.args[:1] if term.op in VIEWS - _CUTTING else ())


def comes_from(value: Value, key: str) -> bool:
    """Whether the value is computed from the entry `key` of the forward's TensorDict."""
    return any(key_of(part) == key for part in walk(value))


def states_of(value: Value) -> dict[Term, bool]:
    """The core results whose new state the value carries; True where its graph is still attached."""
    found: dict[Term, bool] = {}
    seen: set[tuple[Value, bool]] = set()
    todo = [(value, True)]
    while todo:
        current, attached = todo.pop()
        if (current, attached) in seen:
            continue
        seen.add((current, attached))
        if isinstance(current, (Either, Group)):
            todo += [(part, attached) for part in parts(current)]
        elif isinstance(current, Term):
            core = state_part(current)
            if core is not None:
                found[core] = found.get(core, False) or attached
            elif current.op in _CARRYING:
                todo += [(part, attached and current.op != "detach") for part in current.args]
    return found


def hands_on_states(term: Term) -> bool:
    """Whether an operation on a recurrent state gives a recurrent state."""
    return term.op in _CARRYING


def state_part(value: Term) -> Term | None:
    """The core call whose state a term is: `item 1` of a sequence core, anything of a cell."""
    if value.op == "core":
        return value if _core_kind(value) in CELL_CORES else None
    if value.op == "index" and isinstance(value.args[0], Term):
        source, index = value.args
        assert isinstance(source, Term)
        if source.op == "core":
            kind = _core_kind(source)
            if kind in CELL_CORES or index in (Const(1), Const(-1)):
                return source
    return None


def _core_kind(value: Term) -> str:
    core = value.args[0]
    return core.op.removeprefix("new:") if isinstance(core, Term) else ""


def is_own_cell(core: Term) -> bool:
    """Whether a core is a cell that the project writes itself."""
    return core.op.removeprefix("new:") in (OWN_CELL, OWN_PAIR_CELL)


def is_state_pair(value: Value) -> bool:
    """Whether a value is the whole state (h, c) that an LSTM, or a cell of one, returned: other cores return
    one tensor."""
    core = state_part(value) if isinstance(value, Term) else None
    if core is None:
        return False
    return _core_kind(core) in (("torch.nn.LSTMCell", OWN_PAIR_CELL) if value is core else ("torch.nn.LSTM",))


def _is_state_of(value: Term, core: Term) -> bool:
    """Whether a value is what the core returned as its state."""
    call = state_part(value)
    return call is not None and call.args[0] is core


def is_fresh_state(value: Value, core: Term | None = None) -> bool:
    """Whether an initial state is None or zeros on every path; where a core is given, or its new state."""
    todo, seen = [value], set[Value]()
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        if isinstance(current, (Either, Group)) and parts(current):
            todo.extend(parts(current))
        elif isinstance(current, Term) and core is not None and _is_state_of(current, core):
            continue
        elif isinstance(current, Term) and current.op in _CARRYING and current.args:
            todo.append(current.args[0])
        elif not (current == NONE or (isinstance(current, Term) and is_zeros(current))):
            return False
    return True


def is_zeros(value: Term) -> bool:
    """Whether a value is a new tensor of zeros."""
    return value.op in _ZEROS


def runs_over_time(value: Value) -> bool:
    """Whether the input of a core was laid out by time steps: a `view(B, T, -1)`, an `unsqueeze`."""
    laid_out = _back(value, _same_axes)
    return any(
        isinstance(part, Term) and (part.op in _LAYING_OUT or _adds_axis(part)) and _by_rows(part)
        for part in laid_out
    )


def _same_axes(term: Term) -> Iterable[Value]:
    """What has the axes of a value: what it was reordered from, the sides of a sum or a product but for one
    that was widened to fit, the input of a layer, an activation or a recurrent core."""
    match term:
        case Term(op="index", args=(Term(op="core") as core, Const(value=0))) if state_part(term) is None:
            return core.args[1:2]
    if _keeps_axes(term) or term.op in _ELEMENTWISE:
        return term.args[:1]
    if term.op in _ARITHMETIC:
        return [arg for arg in term.args if not _is_widened(arg)]
    if term.op == "module" and isinstance(term.args[0], Term) and term.args[0].op in _LAYERS:
        return term.args[1:2]
    return ()


def _is_widened(value: Value) -> bool:
    """Whether an axis was added to a value: `mask.unsqueeze(-1)`, `mask[..., None].float()`."""
    return any(
        isinstance(part, Term) and (part.op in ("unsqueeze", "torch.unsqueeze") or _adds_axis(part))
        for part in _back(value, lambda term: term.args[:1] if _keeps_axes(term) else ())
    )


def _adds_axis(term: Term) -> bool:
    """`x[None]`, `x[:, None]`."""
    index = term.args[1] if term.op == "index" else UNKNOWN
    return NONE in (index.items if isinstance(index, Group) else (index,))


def _keeps_axes(term: Term) -> bool:
    return term.op in _REORDERING or term.op in PARTS or _is_permutation(term)


def _is_permutation(term: Term) -> bool:
    """`rearrange(x, "b n d -> n b d")`: no axis is split, and none is added."""
    pattern = term.args[1] if term.op == "einops.rearrange" and len(term.args) > 1 else None
    before, _, after = str(pattern.value).partition("->") if isinstance(pattern, Const) else ("(", "", "")
    return "(" not in before and "1" not in after.split()


def _is_width(size: Value) -> bool:
    """Whether a size is that of the second axis of an entry of the forward's TensorDict: in a rollout the
    number of tokens or features, never that of time steps."""
    if not isinstance(size, Term) or size.op not in ("index", "size") or size.args[1:] != (Const(1),):
        return False
    sized = size.args[0]
    while isinstance(sized, Term) and sized.op == "index" and isinstance(sized.args[1], Term):
        sized = sized.args[0]  # `shape[:2]`
    if isinstance(sized, Term) and sized.op == ".shape":
        sized = sized.args[0]
    while isinstance(sized, Term) and sized.op in ("float", "to", "long", "clone", "detach", "int", "half"):
        sized = sized.args[0]
    return isinstance(sized, Term) and key_of(sized) is not None and _is_flat(sized.args[0])


def _is_flat(td: Value) -> bool:
    """Whether a TensorDict has one row per observation, in a rollout."""
    return isinstance(td, Term) and (td.op == "td" or (td.op == "td.reshape" and len(td.args) == 2))


def _by_rows(layout: Term) -> bool:
    """Whether the two leading sizes may be time steps and rows: neither is a number above 1, as that of the
    tokens is."""
    sizes = layout.args[1:]
    if len(sizes) == 1 and isinstance(sizes[0], Group):
        sizes = sizes[0].items
    if _is_permutation(layout) or any(map(_is_width, sizes[:2])):
        return False
    return not any(isinstance(s, Const) and isinstance(s.value, int) and s.value > 1 for s in sizes[:2])


_LAYING_OUT = frozenset(
    "view reshape unflatten unsqueeze einops.rearrange torch.unsqueeze torch.reshape".split()
)
_ARITHMETIC = frozenset("+ - * / add sub mul div torch.add torch.mul".split())
_ELEMENTWISE = frozenset(
    f"{prefix}{name}"
    for name in "relu tanh sigmoid elu gelu silu leaky_relu dropout layer_norm".split()
    for prefix in ("", "torch.", "torch.nn.functional.")
)
_LAYERS = frozenset(
    f"new:torch.nn.{name}"
    for name in "Linear LayerNorm Dropout Identity ReLU Tanh Sigmoid ELU GELU SiLU LeakyReLU".split()
)
_REORDERING = frozenset(
    "transpose permute contiguous to float each many movedim swapaxes unbind split chunk select "
    "torch.transpose torch.permute torch.unbind torch.split torch.chunk".split()
)
