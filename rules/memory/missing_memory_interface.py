from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass


class MissingMemoryInterface(Rule[PolicyClass]):
    """A recurrent policy lacks the methods by which its trainer handles its memory.

    ## What it does
    Reports a contract policy with a recurrent core that lacks one of `has_memory`, `get_memory`, `set_memory`
    and `reset_memory`, its bases and mixins included.

    ## Why it matters
    The trainer asks `if hasattr(policy, "reset_memory")` and goes on without a word: states leak from one
    rollout into the next minibatch, and checkpoints are evaluated with whatever state was left.

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
    Metta-AI/metta at cef2d0434a: every PyTorch agent; `MettaAgent.get_memory` answers `{}` for them.
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
