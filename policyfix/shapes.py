"""How large TensorDicts and tensors are, in the trainer's own terms: B rows of T time steps.

A trainer calls forward with a TensorDict of batch size [B] in a rollout and [B, T] in training. From there
sizes are followed through what gives tensors a shape; where that is not known, the answer is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from policyfix.record import record
from policyfix.values import (
    CELL_CORES,
    SEQUENCE_CORES,
    Const,
    Either,
    Group,
    Term,
    Value,
    argument,
    is_keyword,
    is_new_tensordict,
    is_tensordict,
    key_of,
    keywords,
    positional,
)


@record()
class Size:
    """A product of named sizes and a number; the names in the order in which they were flattened."""

    names: tuple[str, ...] = ()
    factor: int = 1

    def __mul__(self, other: Size) -> Size:
        return Size(self.names + other.names, self.factor * other.factor)

    def equals(self, other: Size) -> bool:
        """Whether two sizes are the same number, whatever B and T are."""
        return sorted(self.names) == sorted(other.names) and self.factor == other.factor

    def __str__(self) -> str:
        names = [str(self.factor)] * (self.factor != 1 or not self.names) + list(self.names)
        return "*".join(names)


ONE = Size()
ROWS, STEPS = Size(("B",)), Size(("T",))

Sizes = tuple[Size | None, ...]  # None: not known


@record()
class Shape:
    """The sizes of a tensor's dimensions; of its first ones where it is `open`."""

    sizes: Sizes
    open: bool = False

    @property
    def rank(self) -> int | None:
        return None if self.open else len(self.sizes)

    def differs(self, other: Shape) -> bool:
        """Whether two shapes are certainly different, for some B and T."""
        if self.rank is not None and other.rank is not None and self.rank != other.rank:
            return True
        for one, another in ((self, other), (other, self)):
            if one.rank is not None and one.rank < len(another.sizes):
                return True
        return any(a and b and not a.equals(b) for a, b in zip(self.sizes, other.sizes, strict=False))

    def __str__(self) -> str:
        sizes = ["?" if size is None else str(size) for size in self.sizes]
        return f"[{', '.join([*sizes, *['...'] * self.open])}]"


def product(sizes: Sizes) -> Size | None:
    whole = ONE
    for size in sizes:
        if size is None:
            return None
        whole = whole * size
    return whole


# Methods and functions that keep the shape of their first argument.
_KEEPING = frozenset(
    "detach clone contiguous to float half double bfloat16 long int bool byte short type type_as cpu cuda "
    "exp log log_softmax softmax sigmoid tanh relu elu gelu silu leaky_relu abs neg sqrt square clamp "
    "clamp_min clamp_max clip masked_fill nan_to_num logsigmoid dropout layer_norm normalize zeros_like "
    "ones_like sin cos tan sinh cosh asin acos atan erf exp2 expm1 log1p log2 log10 rsqrt reciprocal sign "
    "trunc frac ceil softplus softsign mish celu selu hardtanh hardsigmoid hardswish logit ~ bitwise_not "
    "full_like empty_like rand_like randn_like cumsum round floor requires_grad_ data real isinf isnan "
    "logical_not .values .indices index_put index_add index_copy index_fill scatter scatter_add "
    "scatter_reduce masked_scatter".split()
)
_SAME_TENSORDICT = frozenset(
    "clone copy to select exclude detach contiguous cpu cuda flatten_keys unflatten_keys".split()
)
_SAME_MODULES = frozenset(
    "ReLU Tanh GELU ELU SiLU Sigmoid LeakyReLU Identity Dropout LayerNorm Softmax LogSoftmax Mish".split()
)
_ELEMENTWISE = frozenset(
    "+ - * / // % ** & | ^ << >> < > <= >= == != compare add sub mul div true_divide floor_divide "
    "remainder fmod pow maximum minimum eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and "
    "bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split()
)
_REDUCING = frozenset("sum mean amax amin argmax argmin any all prod logsumexp std var".split())


class Shapes:
    """The shapes of a run's values. `roots`: those of what forward is given, by the name of the term;
    `entries`: those of a row of a TensorDict's entries, by key."""

    def __init__(self, roots: Mapping[str, Shape], entries: Mapping[str, Sizes] | None = None) -> None:
        self._roots = roots
        self._entries = entries or {}
        self._known: dict[Value, Shape | None] = {}

    def of(self, value: Value) -> Shape | None:
        """The shape of a tensor, or the batch size of a TensorDict."""
        if value not in self._known:
            self._known[value] = None  # for what is made of itself
            self._known[value] = self._find(value)
        return self._known[value]

    def constant(self, value: Value) -> int | None:
        """The number that an expression about shapes stands for, whatever B and T are."""
        if isinstance(value, Term):
            asked = value.op.removeprefix("tensordict.").removeprefix(".")
            if asked in ("dim", "ndim", "ndimension", "batch_dims") and len(value.args) == 1:
                shape = self.of(value.args[0])
                return None if shape is None else shape.rank
            if value.op == "len" and value.args:
                sizes = self.sizes(value.args[0])
                return None if sizes is None else sizes.rank
        return None

    # ---------------------------------------------------------------------------------- sizes

    def size(self, value: Value) -> Size | None:
        """The size that an integer stands for."""
        match value:
            case Const(value=bool()):
                return None
            case Const(value=int(number)):
                return Size((), number)
            case Either(options=options):
                found = {self.size(o) for o in options}
                return found.pop() if len(found) == 1 else None
            case Term(op="*", args=(left, right)):
                return product((self.size(left), self.size(right)))
            case Term(op="//", args=(left, right)):
                return _divided(self.size(left), self.size(right))
            case Term(op="int", args=(inner,)):
                return self.size(inner)
            case Term(op="index", args=(inner, Const(value=int(at)))):
                return _at(self.sizes(inner), at)
            case Term(op="size" | "tensordict.size", args=(inner, Const(value=int(at)))):
                return _at(self.of(inner), at)
            case Term(op="len", args=(inner,)):
                rank = self.constant(value)
                return _at(self.of(inner), 0) if rank is None else Size((), rank)
            case Term(op="numel" | "tensordict.numel" | "math.prod" | "numpy.prod", args=(inner,)):
                shape = self.sizes(inner) or self.of(inner)
                return None if shape is None or shape.open else product(shape.sizes)
        constant = self.constant(value)
        return None if constant is None else Size((), constant)

    def _is_number(self, value: Value) -> bool:
        """Whether a size is one number, known or not, and no tuple that a `*` spreads."""
        match value:
            case Either(options=options):
                return all(map(self._is_number, options))
            case Term(op="index" | "size" | "tensordict.size", args=(_, Const(value=int()))):
                return True
            case _:
                return self.size(value) is not None

    def sizes(self, value: Value) -> Shape | None:
        """The shape that `x.shape`, `td.batch_size` or a tuple of sizes spells."""
        match value:
            case Group(items=items):
                return Shape(tuple(self.size(i) for i in items))
            case Term(op=".shape" | "size" | "tensordict.batch_size" | "tensordict.shape", args=(inner,)):
                return self.of(inner)
            case Term(op="tensordict.size", args=(inner,)):
                return self.of(inner)
            case Term(op="index", args=(inner, Term(op="slice", args=(start, stop, *_)))):
                whole = self.sizes(inner)
                first, last = (b.value if isinstance(b, Const) else ... for b in (start, stop))
                if whole is None or not (isinstance(first, int | None) and isinstance(last, int | None)):
                    return None
                if whole.open and not (isinstance(last, int) and 0 <= last <= len(whole.sizes)):
                    return None
                return Shape(whole.sizes[slice(first, last)])
            case Term(op="+", args=(left, right)):
                before, after = self.sizes(left), self.sizes(right)
                if before is None or after is None or before.open:
                    return None
                return Shape(before.sizes + after.sizes, after.open)
            case Term(op="torch.Size", args=(inner,)):
                return self.sizes(inner)
        return None

    def _listed(self, arguments: tuple[Value, ...]) -> Shape | None:
        """The sizes of `view(a, b)` and of `view((a, b))`."""
        arguments = positional(arguments)
        if len(arguments) == 1 and (alone := self.sizes(arguments[0])) is not None:
            return alone
        if len(arguments) == 1 and self.size(arguments[0]) is None:
            return None  # a number, a tuple, a dtype
        return Shape(tuple(self.size(a) for a in arguments)) if arguments else None

    # --------------------------------------------------------------------------------- shapes

    def _find(self, value: Value) -> Shape | None:
        match value:
            case Either(options=options):
                found = {self.of(o) for o in options}
                return found.pop() if len(found) == 1 else None
            case Const(value=int() | float()):
                return Shape(())
            case Term(op=op) if op in self._roots:
                return self._roots[op]
            case Term() if key_of(value) is not None:
                batch, row = self.of(value.args[0]), self._entries.get(str(key_of(value)))
                if batch is None:
                    return None
                return Shape(batch.sizes, open=True) if row is None else Shape(batch.sizes + row)
            case Term() if is_tensordict(value):
                return self._tensordict(value)
            case Term(op="index", args=(Term(op="core", args=(core, given, *_)), Const(value=0))):
                return self._core(core, given)
            case Term(op="core", args=(core, given, *_)):
                return self._core(core, given) if _kind(core) in CELL_CORES else None
            case Term(op="module", args=(module, given)):
                return self._module(module, given)
            case Term(op="index", args=(Term(op="module", args=(module, query, *_)), Const(value=0))) if (
                _kind(module) == "torch.nn.MultiheadAttention"
            ):
                return self.of(query)
            case Term(op="new:torch.nn.Parameter", args=(_, given, *_)):
                return self.of(given)
            case Term():
                return self._tensor(value)
        return None

    def _tensordict(self, td: Term) -> Shape | None:
        if is_new_tensordict(td):
            return self._listed(td.args[1:2])
        if not td.args:  # a TensorDict of which nothing is said
            return None
        name, before = td.op.removeprefix("td."), self.of(td.args[0])
        if name in _SAME_TENSORDICT:
            return before
        if name in (
            "reshape",
            "view",
            "flatten",
            "unflatten",
            "unsqueeze",
            "squeeze",
            "permute",
            "transpose",
        ):
            return self._laid_out(name, before, td.args[1:])
        return None

    def _core(self, core: Value, given: Value) -> Shape | None:
        shape = self.of(given)
        if shape is None or shape.open or _kind(core) not in SEQUENCE_CORES | CELL_CORES:
            return None
        return Shape((*shape.sizes[:-1], None))

    def _module(self, module: Value, given: Value) -> Shape | None:
        shape, name = self.of(given), _kind(module).rpartition(".")[2]
        if shape is None or name in _SAME_MODULES:
            return shape
        if name in ("Embedding", "Linear") and isinstance(module, Term) and not shape.open:
            width = argument(module, 1, "embedding_dim" if name == "Embedding" else "out_features")
            kept = shape.sizes if name == "Embedding" else shape.sizes[:-1]
            return Shape((*kept, None if width is None else self.size(width)))
        if name.startswith("Conv") and name[4:] in ("1d", "2d", "3d") and not shape.open and shape.sizes:
            return Shape((shape.sizes[0], *(None,) * (len(shape.sizes) - 1)))
        if name == "Flatten" and isinstance(module, Term) and len(module.args) == 1 and len(shape.sizes) >= 1:
            return Shape((shape.sizes[0], None))
        return None

    def _tensor(self, term: Term) -> Shape | None:
        name = term.op.rpartition(".")[2] if term.op.startswith(("torch.", "numpy.")) else term.op
        if not term.args:
            return None
        if name in _ELEMENTWISE or name.startswith("compare"):
            return self._broadcast(positional(term.args))
        if name == "where" and len(term.args) == 3:
            return self._broadcast(term.args)
        if term.op == "einops.rearrange":
            return self._rearranged(term)
        if name in _MAKING:
            return self._made(name, term.args)
        if name in ("stack", "cat", "concat"):
            return self._put_together(name, term.args)
        first, rest = self.of(term.args[0]), term.args[1:]
        if name in _KEEPING:
            return first
        if name in ("expand_as", "view_as", "reshape_as") and rest:
            return self.of(rest[0])
        if name == "gather" and len(rest) > 1:
            return self.of(rest[1].args[0] if isinstance(rest[1], Term) and rest[1].op[0] == "=" else rest[1])
        if name == "log_prob" and rest:
            return self.of(rest[0])
        if first is None:  # what is given sizes of its own has those
            given = name in ("view", "reshape") and all(map(self._is_number, positional(rest)))
            return self._viewed(None, self._listed(rest)) if given else None
        along = all(isinstance(a, Const) or is_keyword(a) for a in rest)
        if name in _REDUCING or (name in ("max", "min") and rest and along):  # else of two tensors, or of all
            return self._reduced(first, rest)
        if name == "multinomial" and not first.open:
            number = rest[0] if rest else Const(1)
            number = number.args[0] if isinstance(number, Term) and number.op == "=num_samples" else number
            return Shape((*first.sizes[:-1], self.size(number)))
        if name == "index":
            return self._indexed(first, rest[0])
        return self._laid_out(name, first, rest)

    def _put_together(self, name: str, args: tuple[Value, ...]) -> Shape | None:
        """What `torch.stack` and `torch.cat` make of a tuple of tensors."""
        given, named = positional(args), keywords(args)
        dim = given[1] if len(given) > 1 else named.get("dim", Const(0))
        shapes = [self.of(item) for item in given[0].items] if isinstance(given[0], Group) else []
        known = [shape.sizes for shape in shapes if shape is not None and not shape.open]
        ranks = {len(sizes) for sizes in known}
        if (
            len(known) < len(shapes)
            or len(ranks) != 1
            or not isinstance(dim, Const)
            or type(dim.value) is not int
        ):
            return None
        rank = ranks.pop() + (name == "stack")
        at = dim.value + rank if dim.value < 0 else dim.value
        if not 0 <= at < rank:
            return None
        sizes = [
            next((size for size in along if size is not None), None) for along in zip(*known, strict=True)
        ]
        if name == "stack":
            return Shape((*sizes[:at], Size((), len(known)), *sizes[at:]))
        numbers = [size.factor for along in known if (size := along[at]) is not None and not size.names]
        sizes[at] = Size((), sum(numbers)) if len(numbers) == len(known) else None
        return Shape(tuple(sizes))

    def _made(self, name: str, args: tuple[Value, ...]) -> Shape | None:
        """What `torch.full((n,), x)` and its kin make."""
        if name.startswith("new_"):
            name, args = name.removeprefix("new_"), args[1:]
        if name == "full":
            return self._listed(args[:1])
        if name == "arange":
            return Shape((self.size(args[0]),)) if len(positional(args)) == 1 else None
        if name in ("tensor", "as_tensor"):
            return self._nested(args[0])
        return self._listed(args)

    def _nested(self, value: Value) -> Shape | None:
        """The shape of a list of numbers."""
        if isinstance(value, Group) and value.items:
            inner = self._nested(value.items[0])
            return None if inner is None else Shape((Size((), len(value.items)), *inner.sizes))
        return Shape(()) if isinstance(value, Const) or self.size(value) is not None else None

    def _laid_out(self, name: str, before: Shape | None, args: tuple[Value, ...]) -> Shape | None:
        """What changes of layout make of a shape."""
        if name in ("view", "reshape"):
            return self._viewed(before, self._listed(args))
        if name == "expand":
            return self._expanded(before, self._listed(args))
        numbers = [a.value for a in args if isinstance(a, Const) and isinstance(a.value, int)]
        if before is None or (len(numbers) != len(args) and name != "unflatten"):
            return None
        sizes = list(before.sizes)
        if name == "flatten":
            first, last = [*numbers, *(0, -1)[len(numbers) :]]
            if before.open and last == -1 and 0 <= first <= len(sizes):
                return Shape((*sizes[:first], None))
            if before.open and not 0 <= first <= last < len(sizes):
                return None
            first, last = (n + len(sizes) if n < 0 else n for n in (first, last))
            merged = product(tuple(sizes[first : last + 1]))
            return Shape((*sizes[:first], merged, *sizes[last + 1 :]), before.open)
        if name == "unflatten" and len(args) == 2 and numbers and 0 <= numbers[0] < len(sizes):
            parts = self.sizes(args[1])
            at = numbers[0]
            if parts is None or parts.open:
                return None
            split = self._viewed(Shape((sizes[at],)), parts)
            return (
                None if split is None else Shape((*sizes[:at], *split.sizes, *sizes[at + 1 :]), before.open)
            )
        if name == "unsqueeze" and len(numbers) == 1:
            at = numbers[0] if numbers[0] >= 0 or before.open else numbers[0] + len(sizes) + 1
            return None if not 0 <= at <= len(sizes) else Shape((*sizes[:at], ONE, *sizes[at:]), before.open)
        if (
            name == "squeeze"
            and len(numbers) == 1
            and not before.open
            and -len(sizes) <= numbers[0] < len(sizes)
        ):
            at = numbers[0] % len(sizes)
            if sizes[at] is None:
                return None
            return Shape(tuple(s for i, s in enumerate(sizes) if i != at or s != ONE))
        if name == "transpose" and len(numbers) == 2:
            a, b = (n if n >= 0 or before.open else n + len(sizes) for n in numbers)
            if not (0 <= a < len(sizes) and 0 <= b < len(sizes)):
                return None
            sizes[a], sizes[b] = sizes[b], sizes[a]
            return Shape(tuple(sizes), before.open)
        if name == "permute" and not before.open and sorted(numbers) == list(range(len(sizes))):
            return Shape(tuple(sizes[n] for n in numbers))
        return None

    @staticmethod
    def _viewed(before: Shape | None, sizes: Shape | None) -> Shape | None:
        """`view(sizes)`, with the one size that is -1 worked out where that can be done."""
        if sizes is None:
            return None
        rest = Size((), -1)
        if rest not in sizes.sizes:
            return sizes
        whole = None if before is None or before.open else product(before.sizes)
        others = product(tuple(s for s in sizes.sizes if s != rest))
        left = _divided(whole, others)
        return Shape(tuple(left if s == rest else s for s in sizes.sizes))

    @staticmethod
    def _expanded(before: Shape | None, sizes: Shape | None) -> Shape | None:
        """`expand(sizes)`, where a size of -1 stays as it is."""
        if before is None or before.open or sizes is None or len(sizes.sizes) < len(before.sizes):
            return None
        known = (None,) * (len(sizes.sizes) - len(before.sizes)) + before.sizes
        pairs = zip(sizes.sizes, known, strict=True)
        return Shape(tuple(old if new == Size((), -1) else new for new, old in pairs))

    def _broadcast(self, args: tuple[Value, ...]) -> Shape | None:
        shapes = [self.of(a) for a in args]
        if any(s is None or s.open for s in shapes):
            return None
        known = [s.sizes for s in shapes if s is not None]
        rank = max(map(len, known))
        padded = [(ONE,) * (rank - len(sizes)) + sizes for sizes in known]
        result: list[Size | None] = []
        for column in zip(*padded, strict=True):
            wide = [s for s in column if s != ONE]
            result.append(wide[0] if wide and all(s == wide[0] for s in wide) else None if wide else ONE)
        return Shape(tuple(result))

    def _reduced(self, shape: Shape, rest: tuple[Value, ...]) -> Shape | None:
        named = keywords(rest)
        dim = named.get("dim", rest[0] if rest and not is_keyword(rest[0]) else None)
        if dim is None:
            return Shape(())
        kept = named.get("keepdim") == Const(True)
        if shape.open or not (isinstance(dim, Const) and isinstance(dim.value, int)):
            return None
        if not -len(shape.sizes) <= dim.value < len(shape.sizes) or len(rest) > 2:
            return None
        at = dim.value % len(shape.sizes)
        return Shape((*shape.sizes[:at], *[ONE] * kept, *shape.sizes[at + 1 :]))

    def _indexed(self, shape: Shape, index: Value) -> Shape | None:
        items = index.items if isinstance(index, Group) else (index,)
        if isinstance(index, Term) and index.op in ("long", "int") and not shape.open:  # picked by number
            picked = self.of(index)
            return None if picked is None else Shape(picked.sizes + shape.sizes[1:], picked.open)
        if len(items) > 1 and not shape.open and len(items) == len(shape.sizes):
            rows = {self.of(i) for i in items}
            if len(rows) == 1 and (row := rows.pop()) is not None and row.rank == 1:
                return row  # `log_probs[rows, index]`
        if Const(...) in items and not shape.open:
            at = items.index(Const(...))
            whole = (Term("slice", (Const(None), Const(None)), 0),) * (len(shape.sizes) - len(items) + 1)
            items = (*items[:at], *whole, *items[at + 1 :])
        result: list[Size | None] = []
        left = list(shape.sizes)
        for item in items:
            if item == Const(None):
                result.append(ONE)
                continue
            if not left and not shape.open:
                return None
            size = left.pop(0) if left else None
            match item:
                case Const(value=int()):
                    continue
                case Term(op="slice", args=args):
                    result.append(size if all(a == Const(None) for a in args) else None)
                case _:
                    return None
        return Shape((*result, *left), shape.open)

    def _rearranged(self, term: Term) -> Shape | None:
        """`einops.rearrange(x, "b t c -> (b t) c")`."""
        if len(term.args) < 2 or not (
            isinstance(term.args[1], Const) and isinstance(term.args[1].value, str)
        ):
            return None
        left, arrow, right = term.args[1].value.partition("->")
        shape = self.of(term.args[0])
        if shape is None or not arrow or "(" in left or "..." in left + right:
            return None
        axes = left.split()
        sizes = {"1": ONE} | dict(
            zip(axes, [*shape.sizes, *[None] * (len(axes) - len(shape.sizes))], strict=False)
        )
        groups = [part.strip("()").split() for part in re.findall(r"\([^)]*\)|\S+", right)]
        return Shape(tuple(product(tuple(sizes.get(axis) for axis in g)) for g in groups))


_MAKING = frozenset(
    "full zeros ones empty rand randn arange tensor as_tensor new_full new_zeros new_ones new_empty".split()
)


def _kind(module: Value) -> str:
    return module.op.removeprefix("new:") if isinstance(module, Term) else ""


def _at(shape: Shape | None, at: int) -> Size | None:
    if shape is None or (shape.open and at < 0) or not -len(shape.sizes) <= at < len(shape.sizes):
        return None
    return shape.sizes[at]


def _divided(whole: Size | None, part: Size | None) -> Size | None:
    """A size without a factor of it; None where it is none."""
    if whole is None or part is None or not part.factor or whole.factor % part.factor:
        return None
    names = list(whole.names)
    for name in part.names:
        if name not in names:
            return None
        names.remove(name)
    return Size(tuple(names), whole.factor // part.factor)
