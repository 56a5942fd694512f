from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import recalling_calls, reset_fault


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
        if not calls or not policy.rollout.complete or policy.hands_over_tensordict(policy.rollout):
            return
        for call in calls:
            reason = reset_fault(policy, call)
            if reason is not None:
                yield self.finding(call.place, f"the kept state {reason}", policy)
                return
