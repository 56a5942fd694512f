from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import (
    Piece,
    demands_both,
    is_masked_otherwise,
    pieces,
    recalling_calls,
    zeroed_at_one_step,
    zeroed_by,
)
from policyfix.trace import CoreCall


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
    Safe: rows whose episode has ended start from zeros; all others are untouched.

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
            reason = _fault(policy, call)
            if reason is not None:
                yield self.finding(call.place, f"the kept state {reason}", policy)
                return


def _fault(policy: PolicyClass, call: CoreCall) -> str | None:
    """What is wrong with the reset of the state that a core starts from; None where nothing certainly is."""
    kept, flags = pieces(call), policy.contract.boundary_keys
    if any(is_masked_otherwise(policy, piece) for piece in kept):
        return None
    answers = {(piece, flag): zeroed_by(policy, piece, flag) for piece in kept for flag in flags}
    if None in answers.values():
        return None
    either = " or ".join(flags)
    if True not in answers.values():
        return f"is given back to the core and never zeroed where {either}: episodes run into one another"
    missing = [flag for flag in flags if not any(answers[piece, flag] for piece in kept)]
    if missing:
        return f"is not zeroed where {' or '.join(missing)}"
    if False in answers.values():
        spared = next(piece for (piece, _), answer in answers.items() if answer is False)
        return f"in self.{sorted(spared.attributes)[0]} is zeroed only in part where {either}"
    if any(demands_both(policy, piece, flags) for piece in kept):
        return f"is zeroed only where {' and '.join(flags)}, not where either is set"
    lonely = [flag for flag in flags if not _zeroed_by_alone(policy, kept, flag)]
    if len(lonely) == len(flags):
        return f"is zeroed only when the TensorDict has {' and '.join(flags)}"
    if lonely:
        return f"is not zeroed where {lonely[0]} when the TensorDict has no other flag"
    if any(zeroed_at_one_step(policy, call, flag) for flag in flags):
        return f"is zeroed at one step of a training sequence, not at every step where {either}"
    return None


def _zeroed_by_alone(policy: PolicyClass, kept: tuple[Piece, ...], flag: str) -> bool:
    """Whether a flag still zeroes the state when the TensorDict lacks the other flags, or nothing is certain:
    the forward raises, or is not understood."""
    others = frozenset(policy.contract.boundary_keys) - {flag}
    trace = policy.rollout_without(others)
    places = {call.place for call in recalling_calls(policy)}
    calls = [call for call in trace.of(CoreCall) if call.place in places]
    if not (trace.complete and trace.returns):
        return True
    left = [piece for call in calls for piece in pieces(call)]
    return not left or any(zeroed_by(policy, piece, flag, trace) is not False for piece in left)
