from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import cast

import libcst as cst

from policyfix.codemod import Codemod, Plan, stands_at
from policyfix.edits import MAX_LINE, Refusal, SourceTree
from policyfix.facts import ir
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.subjects.boxes import BoxWrite, extents, quantities, unchecked
from policyfix.trace import InPlace, Store
from policyfix.values import NONE, PARTS, Const, Either, Group, Term, Thing, Value, comes_from, walk

_COMPARING = frozenset(
    f"{prefix}{name}"
    for name in "lt le gt ge eq ne less less_equal greater greater_equal not_equal logical_and".split()
    for prefix in ("", "torch.")
)
_CONVERTING = frozenset("long int to short".split())
# What lays the tokens out anew: a part of it no longer has one entry a token.
_LAYING_OUT = frozenset("unsqueeze expand repeat transpose permute flatten reshape view torch.stack".split())


class NarrowMask(Codemod[PolicyClass]):
    """Takes the tokens outside a box out of the mask that the write into it goes by: they are ignored as
    padding is."""

    answers = ("PF502",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        outcomes = {
            _narrowed(write, missing, policy, tree)
            for write, missing in unchecked(policy)
            if stands_at(write.place, finding)
        }
        outcome = (
            outcomes.pop() if len(outcomes) == 1 else Refusal("what it writes differs from path to path")
        )
        if isinstance(outcome, Refusal):
            return outcome
        statement, mask, bounds = outcome
        tests = [f"({name} < {bound})" for name, bound in bounds]
        line = f"{mask} = {mask} & {' & '.join(tests)}"
        fits = len(tree.indentation(statement)) + len(line) <= MAX_LINE
        lines = [line] if fits else [f"{mask} = {mask} & {test}" for test in tests]
        return self.fix(f"take tokens outside the box out of {mask}", [tree.insert_before(statement, lines)])


_Outcome = tuple[cst.SimpleStatementLine, str, tuple[tuple[str, str], ...]]


def _narrowed(
    write: BoxWrite, missing: tuple[str, ...], policy: PolicyClass, tree: SourceTree
) -> _Outcome | Refusal:
    """The statement before which a mask is to be narrowed, the mask, and the tensors with their bounds."""
    function, names, key = write.place.function, write.names, policy.contract.observation_key
    if function is None or names is None:
        return Refusal("it gives a new box: bound the tokens by hand")
    mask = next((name for name, value in names.items() if _gates(value, write, key)), None)
    if mask is None:
        return Refusal("no mask with a name of its own keeps all of the write to some of the tokens")
    block = _block(function, write.place.span.line)
    owned = [(line, _uses(mask, code)) for line, code in filter(None, map(_own, block))]
    start = min((line for line, (_, gates) in owned if gates), default=0)
    columns = [span.column for s in block if (span := getattr(s, "span", ir.NOWHERE)).line == start]
    statement = tree.statement_at(start, columns[0]) if start else None
    if statement is None or tree.loops_around(statement):
        return Refusal(f"{mask} is applied in a loop or a branch: narrow it by hand")
    last = _bindings(function)
    used = [_uses(mask, code) for line, code in filter(None, map(_own, function.nodes)) if line >= start]
    if last.get(mask, 0) >= start or any(reads > gates for reads, gates in used):
        return Refusal(f"{mask} serves something else as well: give the write a mask of its own by hand")
    made_of = _made_of(function, block, write.place.span.line)
    ready = {n: v for n, v in names.items() if last.get(n, 0) < start and ir.Name(n) in made_of}
    bounds = _bounds(write, names[mask], key)
    found = []
    for part in missing:
        tensor, factors = bounds.get(part, (None, ()))
        name = _holder(tensor, ready)
        if name is None or not _is_by_token(tensor, key) or _changes(tensor, policy):
            return Refusal(
                f"which name holds the {part}, and what bounds them, is not certain from the index"
            )
        spelled = [_spelled(factor, ready, made_of, write, policy) for factor in factors]
        if None in spelled:
            return Refusal(f"the size of the box that bounds the {part} has no name there")
        found.append((name, " * ".join(filter(None, spelled))))
    if _changes(names[mask], policy):
        return Refusal(f"{mask} is written to: narrow it by hand")
    return statement, mask, tuple(found)


def _changes(tensor: Value | None, policy: PolicyClass) -> bool:
    """Whether forward writes into a tensor."""
    return any(write.target is tensor for trace in policy.traces for write in trace.of(InPlace))


# ---------------------------------------------------------------------------------------------- values


def _gates(mask: Value, write: BoxWrite, key: str) -> bool:
    """Whether a value is a mask with one entry a token, and what it leaves out is not written, but for zeros
    that a flat index puts into the first cell."""
    if not _is_mask(mask) or not _is_by_token(mask, key):
        return False
    if not isinstance(write.index, Group):
        value = _kept(write.value, mask)
        return write.value is not write.index and None not in (value, _kept(write.index, mask))
    tensors = [item for item in (*write.index.items, write.value) if not isinstance(item, Const)]
    return all(isinstance(t, Term) and t.op == "index" and t.args[1] is mask for t in tensors)


def _is_mask(value: Value) -> bool:
    if not isinstance(value, Term):
        return False
    if value.op in ("&", "|", "~"):
        return all(map(_is_mask, value.args))
    return value.op.startswith("compare") or value.op in _COMPARING


def _is_by_token(value: Value | None, key: str) -> bool:
    """Whether something made of parts of tokens still has one entry a token."""
    if value is None:
        return False

    def enter(term: Term) -> bool:
        return comes_from(term, key) and not (term.op in PARTS or term.op == "select")

    for part in walk(value, enter):
        if not comes_from(part, key):
            continue  # a size
        if isinstance(part, Term) and part.op in PARTS:
            index = part.args[1] if part.op == "index" else None
            picked = (
                isinstance(index, Group) and isinstance(index.items[-1], Const) and NONE not in index.items
            )
            if not picked and not quantities(part, key):
                return False
        elif isinstance(part, Term) and part.op in _LAYING_OUT:
            return False
    return True


def _kept(value: Value, mask: Value) -> Value | None:
    """What a mask lets through, with zero in place of the rest; None where it does no such thing."""
    match value:
        case Term(op="torch.where", args=(test, kept, rest)) if test is mask and _is_zero(rest):
            return kept
        case Term(op="where", args=(kept, test, rest)) if test is mask and _is_zero(rest):
            return kept
        case Term(op="*", args=(left, right)) if mask in (left, right):
            return left if right is mask else right
        case Term(op="masked_fill", args=(kept, Term(op="~", args=(test,)), rest)) if test is mask:
            return kept if _is_zero(rest) else None
    return None


def _is_zero(value: Value) -> bool:
    if isinstance(value, Const):
        return value in (Const(0), Const(0.0))
    return isinstance(value, Term) and value.op in ("torch.zeros_like", "new_zeros")


_Monomial = tuple[Value | None, Counter[Value], int]  # a tensor, sizes that it is multiplied with, a number


def _bounds(write: BoxWrite, mask: Value, key: str) -> dict[str, tuple[Value, tuple[Value, ...]]]:
    """The part of a token -> the tensor of it that goes into an index, and the size that bounds it: of the
    dimension that it counts along, or in a flat index the step of the next part over its own."""
    sizes = extents(write.box) or ()
    found: dict[str, tuple[Value, tuple[Value, ...]]] = {}
    if isinstance(write.index, Group):
        for item, size in zip(write.index.items, sizes, strict=False):
            parts = quantities(item, key)
            if len(parts) == 1 and isinstance(item, Term):
                found[parts.pop()] = (item.args[0], (size,))
        return found
    kept = _kept(write.index, mask)
    if kept is None or write.dim not in (Const(1), Const(-1)) or len(sizes) != 2:
        return {}
    steps = sorted(_addends(kept, key), key=lambda a: (a[1].total(), a[2]))
    whole = list(_addends(sizes[1], key))
    if len(whole) != 1 or not steps or steps[0][1] or steps[0][2] != 1:
        return {}
    for (tensor, by, step), (_, over, next_step) in zip(steps, [*steps[1:], *whole], strict=True):
        parts = set() if tensor is None else quantities(tensor, key)
        if tensor is None or len(parts) != 1 or by - over or next_step % step:
            return {}
        number = next_step // step
        factors = tuple((over - by).elements())
        found[parts.pop()] = (tensor, (*([Const(number)] if number != 1 or not factors else []), *factors))
    return found if len(found) == len(steps) else {}


def _addends(value: Value, key: str) -> Iterator[_Monomial]:
    """A sum of products, multiplied out. Sizes stay as they are: a sum of sizes is one of them."""
    parts = quantities(value, key)
    match value:
        case Const(value=int(number)):
            yield None, Counter(), number
        case Term(op="+", args=(left, right)) if parts:
            yield from _addends(left, key)
            yield from _addends(right, key)
        case Term(op="*", args=(left, right)):
            for tensor, sizes, number in _addends(left, key):
                for other, more, factor in _addends(right, key):
                    both = tensor is not None and other is not None
                    yield value if both else tensor or other, sizes + more, number * factor
        case Term(op=op, args=(inner, *_)) if op in _CONVERTING and len(parts) > 1:
            yield from _addends(inner, key)
        case _:
            yield (value, Counter(), 1) if parts else (None, Counter([value]), 1)


def _holder(value: Value | None, held: Mapping[str, Value]) -> str | None:
    """The name that holds a value; where that differs from path to path, only if no other name holds it too:
    two of them need not go the same way."""
    names = [name for name, other in held.items() if other is value]
    differs = value is not None and any(isinstance(part, Either) for part in walk(value))
    return names[0] if names and (len(names) == 1 or not differs) else None


def _spelled(
    size: Value,
    ready: Mapping[str, Value],
    made_of: frozenset[ir.Expr],
    write: BoxWrite,
    policy: PolicyClass,
) -> str | None:
    """How the function around a write spells a size of what it writes: as a number, by a name, or as an
    attribute of its instance that stays as it is."""
    if isinstance(size, Const):
        return str(size.value) if type(size.value) is int else None
    assert write.place.function is not None
    assert write.names is not None
    spellings = dict(ready)
    parameters = write.place.function.parameters
    thing = write.names.get(parameters[0].name) if parameters else None
    if isinstance(thing, Thing):
        receiver = ir.Name(parameters[0].name)
        set_again = {s.attribute for t in policy.traces for s in t.of(Store) if s.thing is thing}
        held = dict(policy.rollout.heap.of(thing))
        if isinstance(size, Term) and size.op == "attribute" and size.args[0] is thing:
            held[str(cast("Const", size.args[1]).value)] = size
        for name, value in held.items():
            if name not in set_again and ir.Attribute(receiver, name) in made_of:
                spellings[f"{receiver.id}.{name}"] = value
    return _holder(size, spellings)


# ---------------------------------------------------------------------------------------------- source


def _block(function: ir.FunctionFacts, line: int) -> tuple[ir.Stmt, ...]:
    """The statements beside the simple one that a line belongs to."""
    todo = [function.body]
    while todo:
        body = todo.pop()
        for statement in body:
            todo += ir.blocks(statement)
            match statement:
                case ir.Assign(span=span) | ir.Evaluate(span=span) | ir.Return(span=span):
                    if span.line <= line <= span.end_line:
                        return body
    return ()


def _own(node: object) -> tuple[int, object] | None:
    """The line of a statement, and what of it is not another statement."""
    match node:
        case ir.Assign(targets=targets, value=value, span=span):
            return span.line, (targets, value)
        case ir.AugAssign(target=target, value=value, span=span):
            return span.line, (target, value)
        case ir.Evaluate(value=value, span=span) | ir.Return(value=value, span=span):
            return span.line, value
        case ir.If(test=test, span=span):
            return span.line, test
        case ir.Loop(iterable=iterable, span=span):
            return span.line, iterable
        case ir.With(items=items, span=span):
            return span.line, items
        case ir.Raise(value=value):
            return _LAST, value
    return None


_LAST = 1 << 62  # a line below all others, for what has none


def _made_of(function: ir.FunctionFacts, block: tuple[ir.Stmt, ...], line: int) -> frozenset[ir.Expr]:
    """The names and attributes that the statement of a line speaks of, itself and where such names come
    from."""
    found: set[ir.Expr] = set()
    todo: list[object] = [
        s for s in block if (span := getattr(s, "span", ir.NOWHERE)).line <= line <= span.end_line
    ]
    while todo:
        for node in ir.nodes(todo.pop()):
            if isinstance(node, (ir.Name, ir.Attribute)) and node not in found:
                found.add(node)
                if isinstance(node, ir.Name):
                    todo += [n for n in function.nodes if isinstance(n, ir.Assign) and node.id in ir.bound(n)]
    return frozenset(found)


def _uses(mask: str, code: object) -> tuple[int, int]:
    """How often a mask is read, and how often of those to keep part of a tensor, or zeros in its place."""
    name = ir.Name(mask)
    reads = gates = 0
    for node in ir.nodes(code):
        match node:
            case ir.Name(id=found):
                reads += found == mask
            case ir.Call(function=ir.Attribute(name="where"), arguments=(ir.Argument(value=test), *_)):
                gates += test == name
            case ir.Call(function=ir.Attribute(name="masked_fill"), arguments=(ir.Argument(value=test), *_)):
                gates += test == ir.Operation("~", (name,))
            case ir.Operation(operator="*", operands=operands):
                gates += operands.count(name)
            case ir.Subscript(items=(index,)):
                gates += index == name
    return reads, gates


def _bindings(function: ir.FunctionFacts) -> dict[str, int]:
    """The last line in which a name of a function gets another value, or other contents."""
    found: dict[str, int] = {}
    for node in function.nodes:
        span = getattr(node, "span", None)
        for name in ir.bound(node):
            found[name] = max(_LAST if span is None else span.line, found.get(name, 0))
    return found
