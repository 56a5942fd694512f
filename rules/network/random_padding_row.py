from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.candidates import draws, makes_padding_row
from policyfix.subjects.initialisation import drawn_in_loops
from policyfix.trace import Escape, InPlace, Place, Rebound, Store, Trace
from policyfix.values import Const, Term, argument, walk


class RandomPaddingRow(Rule[PolicyClass]):
    """An embedding's padding row is initialised with the others, and never trained.

    ## What it does
    Reports an embedding with `padding_idx` whose whole weight is drawn anew where it is made, in the
    constructor, in a method that others call to make the net, or in a forward that makes it when it is first
    needed, with no write to it afterwards.

    ## Why it matters
    torch sets the padding row to zero once, when the module is made, and gives it no gradient. Drawn anew it
    is a random vector for good: padding, and whatever else maps to that row, puts noise into every sum.

    ## Example
    ```python
    self.embed = nn.Embedding(256, 8, padding_idx=255)
    nn.init.trunc_normal_(self.embed.weight, std=0.02)
    ```

    ## Use instead
    ```python
    self.embed = nn.Embedding(256, 8, padding_idx=255)
    nn.init.trunc_normal_(self.embed.weight, std=0.02)
    with torch.no_grad():
        self.embed.weight[255].zero_()
    ```

    ## Fix safety
    Unsafe: the net sees another vector for padding than the one that it was trained on.

    ## Source
    Metta-AI/metta, `ObsAttrEmbedFourier`; torch's documentation of `nn.Embedding`.
    """

    code = "PF513"
    name = "random-padding-row"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        said: set[Place] = set()
        # forward may make the table when it first needs it
        for trace in (policy.building, *policy.traces, *_making(policy)):
            for write in trace.of(InPlace):
                table = _table(write)
                if table is None or write.place in said or _touched_later(policy, trace, table, write.order):
                    continue
                said.add(write.place)
        if policy.is_contract:
            said |= set(_in_loops(policy))
        for place in sorted(said, key=lambda place: (place.path, place.span.line)):
            yield self.finding(
                place, "draws the padding row too, which was zero and is never trained", policy
            )


def _in_loops(policy: PolicyClass) -> Iterator[Place]:
    """Where a loop over modules or weights draws a table with a padding row."""
    stored = {part for store in policy.building.of(Store) for part in walk(store.value)}
    for table in stored:
        if isinstance(table, Term) and table.op == "new:torch.nn.Embedding" and _pads(table):
            for call in drawn_in_loops(policy, table):
                if draws(call.name.rpartition(".")[2]):
                    yield call.place


def _making(policy: PolicyClass) -> Iterator[Trace]:
    """What methods do that make a table, and that only somebody outside of the class calls."""
    functions = [f for cls in policy.cls.linked for f in cls.facts.functions]
    if any(makes_padding_row(f) for f in functions if f.name not in ("__init__", "forward")):
        called = {name for f in functions for name in ir.names_in(f) - {f.name}}
        for name in dict.fromkeys(f.name for f in functions if f.name not in called):
            trace = None if name in ("__init__", "forward") else policy.evaluate(name)
            if trace is not None and not _filled_by_others(policy, trace):
                yield trace


def _filled_by_others(policy: PolicyClass, trace: Trace) -> bool:
    """Whether a method that others may call next speaks of the weight of a table that a trace makes."""
    tables = {s.attribute for s in trace.of(Store) if isinstance(s.value, Term) and _pads(s.value)}
    drawing = {write.place.function for write in trace.of(InPlace)}
    return any(
        "weight" in ir.names_in(function) and tables & ir.names_in(function)
        for cls in policy.cls.linked
        for function in cls.facts.functions
        if function not in drawing and _answers(function, policy)
    )


def _answers(function: ir.FunctionFacts, policy: PolicyClass) -> bool:
    """Whether a method may run: it is the class's own, or what replaces it asks for its base's."""
    own = policy.cls.find(function.name)
    return own is None or own[0] is function or "super" in ir.names_in(own[0])


_RESETTING = frozenset({"reset_parameters", "_fill_padding_idx_with_zero"})


def _table(write: InPlace) -> Term | None:
    """The embedding with a padding row whose whole weight a write draws anew."""
    match write.target:
        case Term(op=".weight" | "detach", args=(Term() as owner, *_)) if draws(write.operation):
            table = owner.args[0] if owner.op == ".weight" else owner
            while isinstance(table, Term) and table.op in ("to", "cuda", "cpu"):
                table = table.args[0]
            if isinstance(table, Term) and table.op == "new:torch.nn.Embedding" and _pads(table):
                return table
    return None


def _pads(table: Term) -> bool:
    padding = argument(table, 2, "padding_idx")
    return isinstance(padding, Const) and isinstance(padding.value, int)


def _touched_later(policy: PolicyClass, trace: Trace, table: Term, order: int) -> bool:
    """Whether something else may happen to a table after that, or to all weights."""
    for event in trace.events:
        match event:
            case InPlace(target=target) if event.order > order:
                if any(part is table for part in walk(target)):
                    return True
            case Rebound(module=module) if module is table and event.order > order:
                return True
            case Escape(value=value) if event.order > order and any(part is table for part in walk(value)):
                return True
            case _:
                pass
    return any(t.op in _RESETTING and t.args[0] is table and t.order > order for t in policy.terms)
