from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import InPlace
from policyfix.values import aliases


class MutatedObservation(Rule[PolicyClass]):
    """A policy or its net overwrites the observation tensor that it was given.

    ## What it does
    Reports an in-place write (`x[mask] = 0`, `x.clamp_()`, `x += 1`) to a tensor that shares its storage with
    the observation entry of the TensorDict: the entry itself, a view of it, another name for it.

    ## Why it matters
    The experience buffer stores the same tensor afterwards, so training sees observations that no environment
    ever gave, and on the CPU the environment's own buffer may change under it. The rollout looks right.

    ## Example
    ```python
    def encode_observations(self, observations, state=None):
        observations[observations == 255] = 0
    ```

    ## Use instead
    ```python
    def encode_observations(self, observations, state=None):
        observations = observations.clone()
        observations[observations == 255] = 0
    ```
    or, better, an operation that gives a new tensor.

    ## Fix safety
    Safe: the write then happens on a copy, and what is computed from it stays as it is.

    ## Source
    Metta-AI/metta at cef2d0434a, `fast.py` and `example.py`: 1526 bytes of 4 rows changed by one forward.
    """

    code = "PF106"
    name = "mutated-observation"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        key, dtype = policy.contract.observation_key, policy.contract.observation_dtype
        for trace in policy.traces:
            for write in trace.of(InPlace):
                if aliases(write.target, key, dtype):
                    yield self.finding(
                        write.place,
                        f'overwrites td["{key}"] in place: the buffer will store the altered observation',
                        policy,
                    )
