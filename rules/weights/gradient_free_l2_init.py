from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.weights import is_as_written, weights_in
from policyfix.values import Unknown, walk


class GradientFreeL2Init(Rule[PolicyClass]):
    """The loss that should draw weights to their initial values carries no gradient.

    ## What it does
    Reports an `l2_init_loss` of a contract policy that reads its weights only through `.data`, `.detach()`,
    `.item()` or under `no_grad`.

    ## Why it matters
    The trainer adds the term to its loss, and the log shows it rise. Its gradient is zero, so it never pulls:
    the coefficient in the config is without effect.

    ## Example
    ```python
    def l2_init_loss(self):
        return ((self.actor.weight.data - self.initial) ** 2).sum()
    ```

    ## Use instead
    ```python
    def l2_init_loss(self):
        return ((self.actor.weight - self.initial) ** 2).sum()
    ```

    ## Fix safety
    Unsafe: the term starts to act, and a run with a coefficient above 0 trains differently.

    ## Source
    Metta-AI/metta at 04185f82e9, `metta_layer.py`: measured, the gradient is None.
    """

    code = "PF305"
    name = "gradient-free-l2-init"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        method = policy.contract.l2_method
        found = policy.cls.find(method)
        if found is None or not is_as_written(found) or not policy.is_contract or policy.is_open:
            return
        built = policy.configured({}, method)
        if built is None or not built.trace.is_followed:
            return
        loss = built.trace.returned
        if any(isinstance(part, Unknown) for part in walk(loss)):
            return
        if weights_in(loss, attached=False) and not weights_in(loss, attached=True):
            yield self.finding(
                policy.place(*found),
                f"{method} reads its weights without their graph: it has no gradient and pulls nothing",
                policy,
            )
