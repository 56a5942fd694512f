from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass


class MissingConfigParameters(Rule[PolicyClass]):
    """A constructor does not take the parameters that the config holds for every policy.

    ## What it does
    Reports a contract policy whose constructor takes neither the contract's parameters (`clip_range`,
    `analyze_weights_interval`) nor `**kwargs` that reach something which does.

    ## Why it matters
    The factory then either fails on the keyword or, as real ones do, retries without it: the run trains with
    other settings than its config says, and the log shows the config.

    ## Example
    ```python
    def __init__(self, env, policy=None, hidden_size=128): ...
    ```

    ## Use instead
    ```python
    def __init__(self, env, policy=None, hidden_size=128, clip_range=0.0, **kwargs):
        super().__init__(env, policy, clip_range=clip_range, **kwargs)
    ```

    ## Fix safety
    Safe: keywords with defaults are added at the end of the signature.

    ## Source
    Metta-AI/metta at cef2d0434a: all five PyTorch agents.
    """

    code = "PF401"
    name = "missing-config-parameters"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.cls.unknown:
            return
        missing = [name for name in policy.contract.parameter_names if policy.takes(name) is False]
        own = policy.constructor is not None and policy.constructor[1] is policy.cls
        place = policy.place(*policy.constructor) if own and policy.constructor else policy.header
        if missing:
            yield self.finding(
                place,
                f"the constructor of {policy.cls.name} does not take {', '.join(missing)}: "
                "what the config says of it is lost",
                policy,
            )
