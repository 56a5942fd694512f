from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass


class MissingClipWeights(Rule[PolicyClass]):
    """A policy has no `clip_weights`, so nobody bounds its weights as the config says.

    ## What it does
    Reports a contract policy that, with its bases and mixins, defines no `clip_weights`.

    ## Why it matters
    The trainer calls `clip_weights()` after every optimizer step. Where the policy has none, the agent around
    it either does nothing, so that weights grow without bound, or falls back to a bound of its own that
    ignores `clip_range`.

    ## Example
    ```python
    class Fast(pufferlib.models.LSTMWrapper):
        ...
    ```

    ## Use instead
    ```python
    from policyfix.runtime import RecurrentPolicy


    class Fast(RecurrentPolicy):  # clips to ±clip_range in place
        ...
    ```

    ## Fix safety
    Safe: a method is added, and a `clip_range` of 0 switches it off.

    ## Source
    Metta-AI/metta at cef2d0434a: the agent clamped all parameters to ±1 instead, whatever the config said.
    """

    code = "PF301"
    name = "missing-clip-weights"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        method = policy.contract.clip_method
        if policy.is_contract and policy.defines(method) is False:
            yield self.finding(
                policy.header,
                f"{policy.cls.name} has no {method}: its weights are not bounded by the config's "
                f"{policy.contract.clip_range}",
                policy,
            )
