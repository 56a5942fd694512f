from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import recalling_calls, reset_fault
from policyfix.trace import Branch, CoreCall, InPlace, Store
from policyfix.values import Thing, Unknown, options


class MissingEpisodeReset(Rule[PolicyClass]):
    """A kept recurrent state runs on from one episode into the next.

    ## What it does
    Reports a contract policy that keeps the state of its core between calls and gives it back without zeroing
    the rows where `dones` or `truncateds` is set: nowhere, for one of the two flags only, for a part of the
    state only, only where both flags are set, only when the TensorDict has both keys, or at one step of a
    training sequence only. Silent where something else may reset the state: another key, a mask that the
    trainer sets, code that is not understood. A policy that gets its state from its caller is not asked.

    ## Why it matters
    The first steps of an episode are played with the memory of another one. Training starts its sequences
    elsewhere, so the policy that acts is not the policy that is trained; nothing raises.

    ## Example
    ```python
    out, (h, c) = self.lstm(hidden, self._state)
    self._state = (h.detach(), c.detach())
    ```

    ## Use instead
    ```python
    ended = (td["dones"].bool() | td["truncateds"].bool()).view(1, -1, 1)
    h, c = (s.masked_fill(ended, 0) for s in self._state)
    out, (h, c) = self.lstm(hidden, (h, c))
    self._state = (h.detach(), c.detach())
    ```

    ## Fix safety
    Safe: the state moves to the runtime's `StateStore`, which zeroes it before the first step of an episode;
    all other rows are untouched, parameters and checkpoints too. Offered where the class drives one
    `nn.LSTM` in its forward and does nothing with the state but to keep and reset it.

    ## Source
    The trainer's contract. Metta-AI/metta at 04185f82e9 resets only when both keys are there, and its
    evaluation passes neither.
    """

    code = "PF204"
    name = "missing-episode-reset"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or policy.is_open:
            return
        calls = recalling_calls(policy)
        rollout = policy.rollout
        if not calls or not rollout.complete or policy.hands_over_tensordict(rollout, _last_change(policy)):
            return
        if _may_be_forgotten(policy):
            return
        for call in calls:
            reason = reset_fault(policy, call)
            if reason is not None:
                yield self.finding(call.place, f"the kept state {reason}", policy)
                return


def _last_change(policy: PolicyClass) -> int | None:
    """When a rollout last touches the state: what somebody learns of the episodes later comes too late. None
    for a state in a container, which may be emptied unseen."""
    if _is_in_a_container(policy):
        return None
    trace = policy.rollout
    orders = [call.order for call in trace.of(CoreCall)]
    orders += [store.order for store in trace.of(Store)]
    orders += [write.order for write in trace.of(InPlace)]
    return max(orders)


def _may_be_forgotten(policy: PolicyClass) -> bool:
    """Whether a test that is not understood decides about a store of the state."""
    trace, kept = policy.rollout, {store.attribute for _, store in policy.kept_within}
    tests = [b for b in trace.of(Branch) if any(isinstance(part, Unknown) for part in options(b.test))]
    stores = [store.order for store in trace.of(Store) if store.attribute in kept]
    decided = any(test.order < order < test.end for test in tests for order in stores)
    return decided or (bool(tests) and _is_in_a_container(policy))


def _is_in_a_container(policy: PolicyClass) -> bool:
    kept = {store.attribute for _, store in policy.kept_within}
    heap = policy.rollout.heap
    held = [v for thing, name, v in heap.items() if thing.kind == "instance" and name in kept]
    return any(isinstance(option, Thing) for value in held for option in options(value))
