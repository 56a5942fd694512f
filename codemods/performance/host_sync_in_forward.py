from __future__ import annotations

from policyfix.codemod import Codemod, Plan, stands_at
from policyfix.edits import Refusal, SourceTree
from policyfix.facts import ir
from policyfix.project import External
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.subjects.tensors import is_hot
from policyfix.trace import WAITING, Branch, Called, InPlace, KeyWrite, Trace
from policyfix.values import (
    Const,
    Either,
    Ref,
    Term,
    Value,
    comes_from,
    key_of,
    keyword,
    options,
    positional,
)

_INTEGERS = frozenset(f"torch.{name}" for name in "long int64 int int32".split())
_REFITTED = frozenset(
    "td.reshape td.view td.flatten td.unflatten".split()
)  # the same entries, otherwise laid out
_FILLING = frozenset({"torch.full", "torch.full_like"})


class KeepNumber(Codemod[PolicyClass]):
    """Takes the number that a stamp was filled with by its name, where the function has one."""

    answers = ("PF701",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        names: list[str] | None = None
        for trace in policy.traces:
            for call in trace.of(Called):
                if call.name not in WAITING or not stands_at(call.place, finding):
                    continue
                for fetched in options(call.arguments[0]):
                    found = _names(fetched, call, trace, policy)
                    if isinstance(found, Refusal):
                        return found
                    names = [name for name in found if names is None or name in names]
        if not names:
            return Refusal(f"no name in {finding.symbol} holds the number that is fetched: hand it on")
        node = tree.call_at(finding.line, finding.column, finding.end_line, finding.end_column)
        if node is None:
            return Refusal("the call is not found in the file")
        return self.fix(f"take {names[0]}, which the host knows", [tree.replace(node, names[0])])


_Case = tuple[tuple[Value, ...], Value]  # the tests under which an entry is filled, and the number


def _names(fetched: Value, call: Called, trace: Trace, policy: PolicyClass) -> list[str] | Refusal:
    """The names that hold, on every path, the number that a call fetches."""
    while isinstance(fetched, Term) and fetched.op in ("index", "reshape", "view", "flatten"):
        fetched = fetched.args[0]
    key = key_of(fetched)
    if key is None:
        return Refusal("the number is computed on the device: keep it in a tensor")
    assert isinstance(fetched, Term)
    writes = [w for w in trace.of(KeyWrite) if w.key == key and w.order < call.order]
    if not writes or call.name not in (".item", "int"):
        return Refusal(f'only the device knows what the trainer left in td["{key}"]')
    td = fetched.args[0]
    while isinstance(td, Term) and td.op in _REFITTED and all(w.tensordict is not td for w in writes):
        td = td.args[0]
    cases = [(w.guards, number) for w in writes if w.tensordict is td and (number := _filled(w)) is not None]
    test = _covering(cases, call)
    if test is None or len(cases) < len([w for w in writes if w.tensordict is td]):
        return Refusal(f'what td["{key}"] was filled with is not certain')
    stamps = {w.value for w in writes}
    if any(e.target in stamps or comes_from(e.target, key) for e in trace.of(InPlace)):
        return Refusal(f'td["{key}"] is written to in place')
    if not policy.shows_all_writes(trace):
        return Refusal(f'something that is not followed may write td["{key}"]')
    numbers = [number for _, number in cases]
    bound = {name: value for name, value in call.names.items() if _is_bound(name, call)}
    if len(set(numbers)) == 1:
        return [name for name, value in bound.items() if value is numbers[0]]
    both = [name for name, v in bound.items() if isinstance(v, Either) and v.options == set(numbers)]
    return [name for name in both if _follows(name, test, numbers, call, trace)]


def _filled(write: KeyWrite) -> Value | None:
    """The whole number that a tensor is filled with, of which the host knows how large it is."""
    value = write.value
    if not isinstance(value, Term) or value.op not in _FILLING or len(positional(value.args)) != 2:
        return None
    dtype = keyword(value, "dtype")
    whole = isinstance(dtype, Ref) and isinstance(dtype.symbol, External) and dtype.symbol.name in _INTEGERS
    number = value.args[1]
    return number if (whole or (dtype is None and value.op == "torch.full")) and _is_size(number) else None


def _is_size(number: Value) -> bool:
    match number:
        case Const(value=int()):
            return True
        case Term(op="index", args=(Term(op=".shape" | "tensordict.batch_size"), Const(value=int()))):
            return True
        case Term(op="size" | "tensordict.size", args=(_, Const(value=int()))):
            return True
    return False


def _covering(cases: list[_Case], call: Called) -> Value | None:
    """The test that tells two cases apart, the first that where it holds; a constant for a single case. None
    where the cases are not all that can have happened before a call."""
    if len(cases) == 1:
        return Const(True) if set(cases[0][0]) <= set(call.guards) else None
    if len(cases) != 2 or not (cases[0][0] and cases[1][0]):
        return None
    (*before, test), (*others, other) = cases[0][0], cases[1][0]
    opposite = isinstance(other, Term) and other.op == "not" and other.args == (test,)
    told = opposite and before == others and set(before) <= set(call.guards)
    return test if told and is_hot([test]) else None


# ---------------------------------------------------------------------------------------------- source


def _is_bound(name: str, call: Called) -> bool:
    """Whether a name of the function has a value wherever a call is reached."""
    function = call.place.function
    if function is None:
        return False
    given = any(parameter.name == name for parameter in function.parameters)
    return given or _bound_before(function.body, name, call.place.span.line)


def _bound_before(block: tuple[ir.Stmt, ...], name: str, line: int) -> bool:
    for statement in block:
        if _contains(statement, line):
            inner = [b for b in ir.blocks(statement) if any(_contains(s, line) for s in b)]
            return any(_bound_before(b, name, line) for b in inner)
        if _binds(statement, name):
            return True
    return False


def _contains(statement: ir.Stmt, line: int) -> bool:
    span: ir.Span = getattr(statement, "span", ir.NOWHERE)
    return span.line <= line <= span.end_line


def _binds(statement: ir.Stmt, name: str) -> bool:
    """Whether a name has a value once a statement is through."""
    match statement:
        case ir.If(body=body, orelse=orelse):
            return all(any(_binds(s, name) for s in arm) for arm in (body, orelse))
        case ir.With(body=body):
            return any(_binds(s, name) for s in body)
        case ir.Assign():
            return name in ir.bound(statement)
    return False


def _follows(name: str, test: Value, numbers: list[Value], call: Called, trace: Trace) -> bool:
    """Whether the same test decides, earlier in the function, which of two numbers a name stands for."""
    function = call.place.function
    assert function is not None
    bindings = [node for node in function.nodes if name in ir.bound(node)]
    for branch in trace.of(Branch):
        same = branch.test is test and branch.place.function is function and branch.order < call.order
        for node in function.nodes if same else ():
            if isinstance(node, ir.If) and node.span == branch.place.span:
                arms = [[s for s in arm if s in bindings] for arm in (node.body, node.orelse)]
                if [len(arm) for arm in arms] == [1, 1] and len(bindings) == 2:
                    pairs = zip(arms, numbers, strict=True)
                    return all(_gives(arm[0], name, number, call) for arm, number in pairs)
    return False


def _gives(statement: ir.Stmt, name: str, number: Value, call: Called) -> bool:
    """Whether an assignment gives a name a number: `TT = 1`, `TT = x.shape[1]`."""
    if not isinstance(statement, ir.Assign) or statement.targets != (ir.Name(name),):
        return False
    match statement.value, number:
        case ir.Literal(value=int(spelt)), Const(value=known):
            return spelt == known
        case ir.Name(id=other), _:
            return _is_still(other, number, call)
        case (
            ir.Subscript(
                value=ir.Attribute(value=ir.Name(id=other), name="shape"), items=(ir.Literal(value=at),)
            ),
            Term(op="index", args=(Term(op=".shape", args=(tensor,)), Const(value=asked))),
        ):
            return at == asked and _is_still(other, tensor, call)
        case (
            ir.Call(
                function=ir.Attribute(value=ir.Name(id=other), name="size"),
                arguments=(ir.Argument(value=ir.Literal(value=at)),),
            ),
            Term(op="size", args=(tensor, Const(value=asked))),
        ):
            return at == asked and _is_still(other, tensor, call)
    return False


def _is_still(name: str, value: Value, call: Called) -> bool:
    """Whether a name that is bound once, if at all, stands for a value."""
    assert call.place.function is not None
    bindings = [node for node in call.place.function.nodes if name in ir.bound(node)]
    return call.names.get(name) is value and not isinstance(value, Either) and len(bindings) < 2
