from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.memory import kept_attributes

# Any of these may leave the state behind.
_OWN_PICKLING = ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__deepcopy__")


class StaleCheckpointState(Rule[PolicyClass]):
    """The recurrent state of a rollout travels with pickles and copies of the policy.

    ## What it does
    Reports a contract policy that keeps the state of its core on itself, or on a module that it holds, while
    neither has a `__getstate__`, `__setstate__`, `__deepcopy__` or `__reduce__` that could leave it behind.

    ## Why it matters
    The trainer pickles the whole policy. What is loaded from the checkpoint goes on with the memory of the
    last rollout step before it was saved: evaluation starts in the middle of somebody's episode, and another
    number of environments fails with a shape error.

    ## Example
    ```python
    self._state = (h.detach(), c.detach())
    ```

    ## Use instead
    ```python
    def __getstate__(self):
        return {**self.__dict__, "_state": None}
    ```
    or the runtime's `StateStore`: its copies and pickles start empty.

    ## Fix safety
    Safe: weights, buffers and options are saved as before.

    ## Source
    Metta-AI/metta at 04185f82e9: the component policy's LSTM forgets its state on loading, the PyTorch agents
    keep it.
    """

    code = "PF208"
    name = "stale-checkpoint-state"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or policy.is_open:
            return
        stale = [way for way in kept_attributes(policy) if self._travels(policy, way)]
        if stale:
            state = ", ".join(f"self.{way}" for way in stale)
            yield self.finding(
                policy.header,
                f"pickles and copies of {policy.cls.name} carry the recurrent state in {state}",
                policy,
            )

    @staticmethod
    def _travels(policy: PolicyClass, way: str) -> bool:
        """Whether nothing keeps an attribute out of a pickle: neither the policy nor who holds it."""
        holder = policy.holders.get(tuple(way.split(".")[:-1]))
        if holder is None or holder.cls is None or holder.cls.module.name is not None:
            return False
        return not any(
            cls.defines(name) is not False for cls in (policy.cls, holder.cls) for name in _OWN_PICKLING
        )
