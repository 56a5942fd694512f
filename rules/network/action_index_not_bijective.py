from __future__ import annotations

from collections.abc import Iterator

from policyfix.facts import ir
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import KeyWrite, Store
from policyfix.values import NONE, Const, Group, Term, Thing, Value, options, walk


class ActionIndexNotBijective(Rule[PolicyClass]):
    """Two actions share a logit, because the index of (type, argument) is computed wrongly.

    ## What it does
    Reports a policy, or an agent that makes the trainer's tables itself, that computes the joint index of an
    action as `table[type] + argument` from a table of cumulated *maximal* arguments, without `+ type`; or
    with `+ type` from a table of cumulated *counts*.

    ## Why it matters
    An action type with maximal argument m has m + 1 actions. Without `+ type` neighbouring types overlap: of
    19 joint actions 13 indices remain, so the log-prob, the ratio and the gradient belong to other actions
    than those that were sampled. Training cannot work, and nothing raises.

    ## Example
    ```python
    return self.cum_action_max_params[types] + arguments
    ```

    ## Use instead
    ```python
    return types + self.cum_action_max_params[types] + arguments
    ```

    ## Fix safety
    Unsafe: log-probs of old rollouts and of trained policies change.

    ## Source
    Metta-AI/metta at cef2d0434a: `_convert_action_to_logit_index` of four agents.
    """

    code = "PF503"
    name = "action-index-not-bijective"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        found = policy.cls.find(policy.contract.to_index)
        if found is None:
            yield from self._in_forward(policy)
            return
        if found[1].module.name is not None:
            return
        trace = policy.evaluate(policy.contract.to_index)
        if trace is None or not trace.complete:
            return
        for value in options(trace.returned):
            problem = self._problem(value, policy)
            if problem is not None:
                if policy.is_contract or _cumulates_maxima(policy):
                    yield self.finding(policy.place(*found), problem, policy)
                return

    def _in_forward(self, policy: PolicyClass) -> Iterator[Finding]:
        """What training picks its log-probs by, where no method of the contract's name makes it."""
        if not policy.is_contract:
            return
        written = [
            write.value for write in policy.training.of(KeyWrite) if write.key in policy.contract.outputs
        ]
        for index in dict.fromkeys(i for value in written for i in _picked_by(value)):
            problem, place = self._problem(index, policy), policy.made(index)
            if problem is not None and place is not None:
                yield self.finding(place, problem, policy)
                return

    def _problem(self, value: Value, policy: PolicyClass) -> str | None:
        terms = list(_summands(value))
        tables = [found for t in terms if (found := _lookup(t)) is not None]
        others = [t for t in terms if _lookup(t) is None]
        if len(tables) != 1:
            return None
        table, kind = tables[0][0], _column(tables[0][1])
        columns = [_column(t) for t in others]
        if kind != 0 or None in columns or columns.count(1) != 1 or len(columns) > 2:
            return None
        meaning = self._meaning(table, policy)
        has_type = columns.count(0) == 1
        if meaning == "maxima" and not has_type:
            return "two actions share an index: cumulated maximal arguments need `+ type`"
        if meaning == "counts" and has_type:
            return "the index skips entries: cumulated counts must not have `+ type`"
        return None

    @staticmethod
    def _meaning(table: Value, policy: PolicyClass) -> str | None:
        """What the table cumulates: as the class itself makes it, else by the contract."""
        name = ""
        match table:
            case Term(op="attribute", args=(Thing(), Const(value=str(name)))):
                held = [o for value in _fillings(policy, {name}) for o in options(value)]
            case _:
                held = list(options(table))
        if held and all(map(_cumulates_counts, held)):
            return "counts"
        return dict(policy.contract.tables).get(name) if all(map(_is_cumulated, held)) else None


def _cumulates_maxima(policy: PolicyClass) -> bool:
    """Whether the class itself fills the contract's table of maxima, with the cumulated sum of what it is
    given and nothing added to it."""
    filled = _fillings(policy, {name for name, meaning in policy.contract.tables if meaning == "maxima"})
    return bool(filled) and all(_is_cumulated(o) for value in filled for o in options(value))


def _fillings(policy: PolicyClass, tables: set[str]) -> list[Value]:
    """What methods of the class itself put into tables."""
    functions = (f for cls in policy.cls.linked for f in cls.facts.functions)
    methods = {f.name for f in functions if not tables.isdisjoint(ir.words_in(f))} - {"__init__", "forward"}
    traces = [trace for name in sorted(methods) if (trace := policy.evaluate(name)) is not None]
    return [
        store.value
        for trace in traces
        for store in trace.of(Store)
        if store.thing is policy.instance and store.attribute in tables
    ]


def _cumulates_counts(value: Value) -> bool:
    """Whether a table is a cumulated sum of numbers that 1 was added to: `(maxima + 1).cumsum(0)`, without
    each one's own, or behind a zero."""
    match _plain(value):
        case Term(op="torch.cumsum" | "cumsum" | "numpy.cumsum", args=(summed, *_)):
            return _is_counted(summed)
        case Term(op="-", args=(Term(args=(summed, *_)) as cumulated, own)) if own is summed:
            return _cumulates_counts(cumulated)
        case Term(op="torch.cat" | "torch.concat", args=(Group(items=(_, cumulated)), *_)):
            return _cumulates_counts(cumulated)
        case Term(op="index", args=(cumulated, Term(op="slice"))):
            return _cumulates_counts(cumulated)
        case _:
            return False


def _is_counted(value: Value) -> bool:
    """Whether 1 was added to numbers: `maxima + 1`, `torch.tensor([0] + [most + 1 for most in maxima])`."""
    match value:
        case Term(op="torch.tensor" | "torch.as_tensor" | "numpy.array" | "each", args=(listed, *_)):
            return _is_counted(listed)
        case Term(op="+", args=(Group(items=(Const(value=0),)), behind)):
            return _is_counted(behind)
        case Term(op="+", args=summed):
            return Const(1) in summed
        case _:
            return False


def _picked_by(value: Value) -> Iterator[Term]:
    """The indices by which entries are picked out of what a value is made from, as they were computed."""
    picking: list[Value]
    for part in walk(value):
        match part:
            case Term(op="gather" | "torch.gather" | "torch.take_along_dim", args=(_, *given)):
                picking = [a for a in given if not isinstance(a, Const)]
            case Term(op="index", args=(_, Group(items=picks))):
                picking = list(picks)
            case Term(op="log_prob", args=(_, taken, *_)):
                picking = [taken]
            case _:
                continue
        for index in picking:
            while isinstance(index, Term) and (index.op in _LAYING_OUT or _widens(index)):
                index = index.args[0]
            if isinstance(index, Term):
                yield index


def _widens(value: Term) -> bool:
    """`index[:, None]`."""
    return value.op == "index" and isinstance(value.args[1], Group) and NONE in value.args[1].items


def _is_cumulated(value: Value) -> bool:
    """`torch.cumsum(torch.tensor([0, *maxima]), dim=0)` of a parameter, in whatever spelling of the list."""
    match _plain(value):
        case Term(op="torch.cumsum" | "cumsum", args=(Term(op="torch.tensor", args=(counted, *_)), *_)):
            parts = counted.args if isinstance(counted, Term) and counted.op == "+" else (counted,)
            given = [p for p in parts if not (isinstance(p, Group) and p.items == (Const(0),))]
            return len(given) == 1 and isinstance(given[0], Term) and given[0].op == "parameter"
        case _:
            return False


_CONVERSIONS = frozenset("long int to detach clone".split())
_LAYING_OUT = _CONVERSIONS | frozenset("unsqueeze squeeze view reshape flatten torch.unsqueeze".split())


def _summands(value: Value) -> Iterator[Value]:
    """The terms of a sum, however it is spelt; scaled sums are one term."""
    value = _plain(value)
    if isinstance(value, Term) and value.op in ("+", "torch.add", "add") and len(value.args) == 2:
        for part in value.args:
            yield from _summands(part)
    else:
        yield value


def _plain(value: Value) -> Value:
    """The value without conversions: `x.long()`, `x.to(...)`."""
    while isinstance(value, Term) and value.op in _CONVERSIONS:
        value = value.args[0]
    return value


def _lookup(value: Value) -> tuple[Value, Value] | None:
    """(table, index) of `table[index]`, `table.index_select(0, index)` and `table.gather(0, index)`, and of
    `torch.take(table, index)`."""
    match value:
        case Term(op="index", args=(table, index)) if _column(value) is None:
            return _plain(table), index
        case Term(op="take" | "torch.take", args=(table, index)):
            return _plain(table), index
        case Term(
            op="index_select" | "gather" | "torch.index_select" | "torch.gather", args=(table, _, index)
        ):
            return _plain(table), index
        case _:
            return None


def _column(value: Value) -> int | None:
    """0 for the types, 1 for the arguments of the actions: `action[:, 0]`, `action[..., 1]`,
    `action.select(-1, 0)`, a piece of `action.unbind(-1)` or of `action.T`."""
    match _plain(value):
        case Term(op="select", args=(source, Const(value=-1 | 1), Const(value=0 | 1 as column))):
            return column if _is_action(source) else None
        case Term(op="index", args=(source, Group(items=(*_, Const(value=0 | 1 as column))))):
            return column if _is_action(source) else None
        case Term(op="index", args=(Term(op="transpose", args=(source,)), Const(value=0 | 1 as column))):
            return column if _is_action(source) else None
        case Term(
            op="index",
            args=(Term(op="each", args=(Term(op="unbind") as unbound,)), Const(value=0 | 1 as column)),
        ):
            return column if _along_columns(unbound) else None
        case _:
            return None


def _is_action(value: Value) -> bool:
    """The actions that the method, or forward, is given, laid out as `[N, 2]`."""
    while isinstance(value, Term) and value.op in _LAYING_OUT:
        value = value.args[0]
    return isinstance(value, Term) and value.op in ("parameter", "action")


def _along_columns(unbound: Term) -> bool:
    """`action.unbind(-1)`, `action.unbind(dim=1)`."""
    source, *axis = unbound.args
    named = [a.args[0] if isinstance(a, Term) and a.op == "=dim" else a for a in axis]
    return _is_action(source) and named in ([Const(-1)], [Const(1)])
