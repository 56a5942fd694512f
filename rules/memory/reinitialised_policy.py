from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.initialisation import undone


class ReinitialisedPolicy(Rule[PolicyClass]):
    """A constructor initialises the weights of the wrapped net again, after the net did so on purpose.

    ## What it does
    Reports a contract policy with layers that were initialised with a number of their own (a gain of 0.01 for
    an action head, say), and a later loop over all parameters, in its constructor or a base's, that gives
    them another. Silent where the layers are initialised once more after the loop, or a state is loaded into
    the net.

    ## Why it matters
    The gains that the net declares are not the ones that it has. An action head that was meant to start close
    to uniform starts sure of itself, and exploration suffers from the first step.

    ## Example
    ```python
    class Fast(pufferlib.models.LSTMWrapper):
        def __init__(self, env):
            super().__init__(env, Net(env))  # sets every weight orthogonal, gain 1
    ```

    ## Use instead
    ```python
    from policyfix.runtime import RecurrentPolicy  # initialises its own LSTM and nothing else


    class Fast(RecurrentPolicy):
        def __init__(self, env):
            super().__init__(env, Net(env))
    ```

    ## Fix safety
    Unsafe: the weights start as declared, which is not how they started so far. Where the class is not
    migrated, the weights of the net are copied before the base's constructor and loaded back after it. None
    where the loop is the class's own, or the net is not an argument that the base keeps.

    ## Source
    PufferLib's `LSTMWrapper` initialises every parameter of the policy that it wraps; Metta-AI/metta at
    cef2d0434a builds all its PyTorch agents on it.
    """

    code = "PF210"
    name = "reinitialised-policy"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or policy.is_open or not policy.building.complete:
            return
        pairs = list(undone(policy))
        if pairs:
            first, loop = pairs[0]
            what = "gain" if first.function == "orthogonal_" else "constant"
            owner = loop.place.symbol.rpartition(".")[0] or policy.name
            yield self.finding(
                policy.header,
                f"the constructor of {owner} initialises all parameters again: "
                f"{len(pairs)} of them had a {what} of their own "
                f"({first.number:.3g}, now {loop.number:g})",
                policy,
            )
