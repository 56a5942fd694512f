from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import pieces, recalling_calls, shares_slot


class SharedStateSlot(Rule[PolicyClass]):
    """All environment groups share one slot for the recurrent state.

    ## What it does
    Reports a contract policy that keeps the state of its core between calls in one place, whichever group of
    environments the call is for, although the TensorDict names the group in `training_env_id_start`. Silent
    where the slot is chosen by the key, or in a way that is not understood.

    ## Why it matters
    The trainer steps several groups in turn. With one slot each group goes on with the memory of another one;
    where the groups are of one size nothing raises.

    ## Example
    ```python
    out, (h, c) = self.lstm(hidden, self._state)
    self._state = (h.detach(), c.detach())
    ```

    ## Use instead
    ```python
    group = td["training_env_id_start"][0].item()
    out, (h, c) = self.lstm(hidden, self._states.get(group))
    self._states[group] = (h.detach(), c.detach())
    ```
    or the runtime's `StateStore`, which finds the slot on the device.

    ## Fix safety
    Safe: the state moves to the runtime's `StateStore`, and a policy that is stepped for one group alone
    behaves as before. Offered where the class drives one `nn.LSTM` in its forward and does nothing with the
    state but to keep and reset it.

    ## Source
    The trainer's contract: asynchronous vectorised environments hand over one group at a time.
    """

    code = "PF203"
    name = "shared-state-slot"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or policy.is_open:
            return
        if not policy.rollout.complete or policy.hands_over_tensordict(policy.rollout):
            return
        for call in recalling_calls(policy):
            if shares_slot(policy, call):
                ways = {way for piece in pieces(call) for way in piece.attributes}
                where = ", ".join(f"self.{way}" for way in sorted(ways))
                yield self.finding(
                    call.place,
                    f"the state in {where} is shared by all environment groups: "
                    f"the TensorDict names the group in {policy.contract.environment_key}",
                    policy,
                )
                return
