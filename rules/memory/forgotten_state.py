from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import CoreCall
from policyfix.values import is_fresh_state


class ForgottenState(Rule[PolicyClass]):
    """A recurrent core starts from zero at every step, because its new state goes nowhere.

    ## What it does
    Reports a contract policy whose core is called in a rollout with no state (or zeros) on every path, or
    whose new state is neither kept on the module, nor written to the TensorDict, nor returned.

    ## Why it matters
    In a rollout each step then sees one observation and no past, while training unrolls T steps with memory:
    the policy that acts is another one than the policy that is trained, and the importance ratio is wrong by
    construction.

    ## Example
    ```python
    out, (new_h, new_c) = self.lstm(hidden, None)
    ```

    ## Use instead
    ```python
    from policyfix.runtime import RecurrentPolicy  # keeps the state of each environment group
    ```

    ## Fix safety
    Safe: the state is kept from one call to the next and zeroed at episode boundaries, as the contract says.

    ## Source
    Metta-AI/metta at cef2d0434a: all five PyTorch agents.
    """

    code = "PF205"
    name = "forgotten-state"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or not policy.rollout.complete:
            return
        calls = policy.cores
        if not calls or not all(_starts_afresh(c) or not policy.keeps_state(c) for c in calls):
            return
        call = calls[0]
        kept = policy.keeps_state(call)
        reason = "is kept but never given back to it" if kept else "is dropped"
        core = call.kind.rpartition(".")[2]
        yield self.finding(
            call.place, f"the new state of the {core} {reason}: every step starts from zero", policy
        )


def _starts_afresh(call: CoreCall) -> bool:
    """Whether a core starts from None or zeros when forward first gets to it; later steps of the same forward
    go on from its own new state."""
    return is_fresh_state(call.state, call.core)
