from __future__ import annotations

from collections.abc import Iterator

from policyfix.flow import Trace
from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.values import Const, Group, Term, Thing, Value, options


class ActionIndexNotBijective(Rule[PolicyClass]):
    """Two actions share a logit, because the index of (type, argument) is computed wrongly.

    ## What it does
    Reports a policy that computes the joint index of an action as `table[type] + argument` from a table of
    cumulated *maximal* arguments, without `+ type`; or with `+ type` from a table of cumulated *counts*.

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
        if not policy.is_contract or found is None or found[1].module.name is not None:
            return
        trace = policy.evaluate(policy.contract.to_index)
        if trace is None or not trace.complete:
            return
        for value in options(trace.returned):
            problem = self._problem(value, policy, trace)
            if problem is not None:
                yield self.finding(policy.place(*found), problem, policy)
                return

    def _problem(self, value: Value, policy: PolicyClass, trace: Trace) -> str | None:
        terms = [_plain(t) for t in _summands(value)]
        tables = [t for t in terms if _is_lookup(t)]
        others = [t for t in terms if not _is_lookup(t)]
        if len(tables) != 1 or not isinstance(tables[0], Term):
            return None
        table, kind = tables[0], _column(tables[0].args[1])
        columns = [_column(t) for t in others]
        if kind != 0 or None in columns or columns.count(1) != 1 or len(columns) > 2:
            return None
        meaning = self._meaning(table.args[0], policy, trace)
        has_type = columns.count(0) == 1
        if meaning == "maxima" and not has_type:
            return "two actions share an index: cumulated maximal arguments need `+ type`"
        if meaning == "counts" and has_type:
            return "the index skips entries: cumulated counts must not have `+ type`"
        return None

    @staticmethod
    def _meaning(table: Value, policy: PolicyClass, trace: Trace) -> str | None:
        """What the table cumulates: by the contract where the trainer sets it on the policy."""
        if (
            isinstance(table, Term)
            and table.op == "attribute"
            and isinstance(table.args[0], Thing)
            and isinstance(table.args[1], Const)
        ):
            return dict(policy.contract.tables).get(str(table.args[1].value))
        return None


def _summands(value: Value) -> Iterator[Value]:
    if isinstance(value, Term) and value.op == "+":
        for part in value.args:
            yield from _summands(part)
    else:
        yield value


def _plain(value: Value) -> Value:
    """The value without conversions: `x.long()`, `x.to(...)`."""
    while isinstance(value, Term) and value.op in ("long", "int", "to", "detach", "clone"):
        value = value.args[0]
    return value


def _is_lookup(value: Value) -> bool:
    return isinstance(value, Term) and value.op == "index" and _column(value) is None


def _column(value: Value) -> int | None:
    """0 for `action[:, 0]`, 1 for `action[:, 1]` (also `[..., 0]`): type and argument of the actions."""
    value = _plain(value)
    if not isinstance(value, Term):
        return None
    if value.op == "select" and len(value.args) == 3 and isinstance(value.args[2], Const):
        column = value.args[2].value
        return column if isinstance(column, int) else None
    if value.op != "index" or not isinstance(value.args[1], Group):
        return None
    source, index = value.args
    assert isinstance(index, Group)
    last = index.items[-1]
    if isinstance(source, Term) and source.op == "parameter" and isinstance(last, Const):
        return last.value if last.value in (0, 1) and isinstance(last.value, int) else None
    return None
