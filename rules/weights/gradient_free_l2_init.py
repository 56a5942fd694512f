from __future__ import annotations

from collections.abc import Iterator

from policyfix.remembered import remembered
from policyfix.rule import Finding, Rule
from policyfix.subjects import AgentConfig, PolicyClass
from policyfix.subjects.policy import policy_of
from policyfix.subjects.weights import cut_in, is_as_written, later_weights_in, weights_in
from policyfix.trace import Escape, Place, Unfollowed
from policyfix.values import Method, Unknown, walk


class GradientFreeL2Init(Rule[PolicyClass | AgentConfig]):
    """The loss that should draw weights to their initial values carries no gradient.

    ## What it does
    Reports an `l2_init_loss` of a contract policy that reads its weights only through `.data`, `.detach()`,
    `.item()` or under `no_grad`; also of a component that an agent config names.

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

    def check(self, subject: PolicyClass | AgentConfig) -> Iterator[Finding]:
        is_policy = isinstance(subject, PolicyClass)
        if isinstance(subject, PolicyClass):
            judged = [subject] if subject.is_contract else []
        else:
            classes = dict.fromkeys(c.target for c in subject.components.values() if c.target is not None)
            judged = [policy_of(cls, subject.contract) for cls in classes]
        method = subject.contract.l2_method
        told: set[Place] = set()  # what one component inherits, the others need not be asked about
        for policy in judged:
            found = policy.cls.find(method)
            if found is None or policy.place(*found) in told:
                continue
            if (place := self._at_fault(policy, is_policy)) is not None:
                told.add(place)
                yield self.finding(
                    place,
                    f"{method} reads its weights without their graph: it has no gradient and pulls nothing",
                    subject,
                )

    @staticmethod
    @remembered  # configs share components
    def _at_fault(policy: PolicyClass, is_policy: bool) -> Place | None:
        """Where the loss of a policy or component stands, if all weights in it are cut from the graph."""
        method = policy.contract.l2_method
        found = policy.cls.find(method)
        if found is None or not is_as_written(found) or policy.is_open:
            return None
        # A component gets its layers, and the weights that it starts from, when its sources are known.
        built = policy.configured({}, method, () if is_policy else policy.resettable)
        if built is None:
            return None
        trace, loss = built.trace, built.trace.returned
        if any(isinstance(part, Unknown) for part in walk(loss, lambda term: term.op != "detach")):
            return None
        if is_policy:
            cut = weights_in(loss, attached=False) and not weights_in(loss, attached=True)
        else:
            cut = later_weights_in(loss, False, policy.cls) and not later_weights_in(loss, True, policy.cls)
        calls = trace.of(Unfollowed)
        told = {call.place for call in calls}
        opaque = any(is_policy or not _asks_a_tensor(call, policy) for call in calls) or any(
            escape.place not in told for escape in trace.of(Escape)
        )
        return policy.place(*found) if cut and not opaque else None


def _asks_a_tensor(call: Unfollowed, policy: PolicyClass) -> bool:
    """Whether what is called is a method of something computed from a weight, or from a copy of one."""
    return isinstance(call.callee, Method) and (
        later_weights_in(call.callee.receiver, False, policy.cls) or cut_in(call.callee.receiver, policy.cls)
    )
