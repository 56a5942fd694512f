from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import kept_attributes, live_state
from policyfix.trace import Called, Escape, InPlace, KeyWrite, NetCall, Rebound, Store, Trace, Unfollowed
from policyfix.values import NONE, Const, Group, Thing


class MissingMemoryInterface(Rule[PolicyClass]):
    """A recurrent policy lacks the methods by which its trainer handles its memory.

    ## What it does
    Reports a contract policy with a recurrent core that lacks one of `has_memory`, `get_memory`, `set_memory`
    and `reset_memory`, its bases and mixins included. Where the policy keeps a state of its own it also
    reports a method that does nothing and answers nothing, and one that returns the very container, or the
    very tensors, that forward goes on writing into.

    ## Why it matters
    The trainer asks `if hasattr(policy, "reset_memory")` and goes on without a word: states leak from one
    rollout into the next minibatch, and checkpoints are evaluated with whatever state was left. A snapshot
    that is the live state changes with every step, and is empty after the next reset.

    ## Example
    ```python
    class Fast(pufferlib.models.LSTMWrapper):
        def forward(self, td, state=None, action=None): ...
    ```

    ## Use instead
    ```python
    from policyfix.runtime import RecurrentPolicy


    class Fast(RecurrentPolicy):
        ...
    ```

    ## Fix safety
    Safe: methods are added; none that exists is changed.

    ## Source
    Metta-AI/metta at cef2d0434a: every PyTorch agent; `MettaAgent.get_memory` answers `{}` for them. At
    04185f82e9 their `get_memory` returns the two live dicts, which `reset_memory` then clears.
    """

    code = "PF202"
    name = "missing-memory-interface"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not (policy.is_contract and policy.cores):
            return
        missing = [name for name in policy.contract.memory_methods if policy.defines(name) is False]
        if missing:
            yield self.finding(
                policy.header,
                f"{policy.cls.name} has a recurrent core but no {', '.join(missing)}: "
                "its memory cannot be reset or saved",
                policy,
            )
        kept = kept_attributes(policy)
        if not kept or policy.is_open:
            return
        state = ", ".join(f"self.{way}" for way in kept)
        for name in policy.contract.memory_methods:
            found = policy.cls.find(name)
            if found is None or found[1].module.name is not None:
                continue
            trace = policy.evaluate(name)
            if trace is None or not (trace.complete and trace.returns):
                continue
            if _does_nothing(policy, trace):
                what = "says no" if trace.returned == Const(False) else "does nothing"
                reason = f"{what}, beside the state in {state}"
            elif live := live_state(policy, trace):
                reason = f"hands out the {live} in {state} itself: what it returns changes with the next step"
            else:
                continue
            yield self.finding(policy.place(*found), f"{found[1].name}.{name} {reason}", policy)


def _does_nothing(policy: PolicyClass, trace: Trace) -> bool:
    """Whether a method changes nothing and answers None, False or something empty."""
    if policy.changes(trace) or any(isinstance(event, _DEEDS) for event in trace.events):
        return False
    match trace.returned:
        case Const(value=answer):
            return not answer
        case Group(items=items):
            return all(item == NONE for item in items)
        case Thing() as container:
            return container.cls is None and not trace.heap.of(container)
        case _:
            return False


_DEEDS = (Store, InPlace, KeyWrite, Called, Unfollowed, Rebound, Escape, NetCall)
