from __future__ import annotations

import libcst as cst

from policyfix.codemod import Codemod, Plan
from policyfix.edits import Refusal, SourceTree
from policyfix.rule import Finding
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import kept_attributes

EMPTY = frozenset({"None", "{}", "dict()"})


class LeaveStateBehind(Codemod[PolicyClass]):
    """Gives a policy a `__getstate__` in which its recurrent state is as the constructor makes it."""

    answers = ("PF208",)

    def plan(self, finding: Finding, policy: PolicyClass, tree: SourceTree) -> Plan | Refusal:
        cls = tree.find_class(policy.name)
        if cls is None:
            return Refusal("its class is not found")
        entries = []
        for attribute in kept_attributes(policy):
            start = _start(policy, attribute, tree)
            if start is None:
                return Refusal(f"self.{attribute} does not start as None or an empty dict in its constructor")
            entries.append(f'"{attribute}": {start}')
        lines = [
            "def __getstate__(self):",
            f'{tree.indent}"""What copies and pickles carry: everything but the state of a rollout."""',
            f"{tree.indent}return {{**self.__dict__, {', '.join(entries)}}}",
        ]
        method = tree.add_method(cls, lines)
        if isinstance(method, Refusal):
            return method
        return self.fix(f"leave the recurrent state out of copies of {policy.name}", [method])


def _start(policy: PolicyClass, attribute: str, tree: SourceTree) -> str | None:
    """What an attribute of the policy is first set to, as written, where that is empty."""
    stores = [s for s in policy.construction if s.thing is policy.instance and s.attribute == attribute]
    if len(stores) != 1 or stores[0].place.path != policy.path:
        return None
    span = stores[0].place.span
    statement = tree.statement_at(span.line, span.column)
    small = statement.body[0] if statement is not None and len(statement.body) == 1 else None
    if isinstance(small, (cst.Assign, cst.AnnAssign)) and small.value is not None:
        written = tree.code(small.value)
        return written if written in EMPTY else None
    return None
