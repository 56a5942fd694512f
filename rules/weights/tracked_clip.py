from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.weights import NEW_PARAMETER, changes, clipping, is_weight
from policyfix.trace import InPlace, Rebound, Store
from policyfix.values import Term, options


class TrackedClip(Rule[PolicyClass]):
    """`clip_weights` clamps weights while autograd records, or replaces the parameters.

    ## What it does
    Reports a contract policy whose `clip_weights` writes to a weight in place with neither `no_grad` around
    it nor `.data` or `.detach()` before it, and one that puts new parameters in the place of the old ones.

    ## Why it matters
    Torch refuses the first ("a leaf Variable that requires grad is being used in an in-place operation"), at
    the first optimizer step of a run with a clip range. The second is silent: the optimizer goes on updating
    the parameters that the network no longer uses, and the policy stops learning.

    ## Example
    ```python
    def clip_weights(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.weight = nn.Parameter(module.weight.clamp(-self.clip_range, self.clip_range))
    ```

    ## Use instead
    ```python
    @torch.no_grad()
    def clip_weights(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                module.weight.clamp_(-self.clip_range, self.clip_range)
    ```

    ## Fix safety
    Safe: the same values are written, to the same parameters, where autograd does not look.

    ## Source
    PyTorch documentation, "Autograd mechanics", in-place operations; `torch.optim` keeps the parameters that
    it was built with.
    """

    code = "PF303"
    name = "tracked-clip"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        built = clipping(policy)
        if built is None:
            return
        method = policy.contract.clip_method
        for change in changes(built.trace):
            if isinstance(change, InPlace):
                recorded = change.tracked and change.operation != "data" and is_weight(change.target)
                if recorded and not self._called_without_grad(policy):
                    yield self.finding(
                        change.place,
                        "writes to a parameter in place while autograd records: torch refuses it",
                        policy,
                    )
            elif self._replaces(change):
                yield self.finding(
                    change.place,
                    f"{method} replaces a parameter: the optimizer goes on updating the old one",
                    policy,
                )

    @staticmethod
    def _replaces(change: Rebound | Store) -> bool:
        values = list(options(change.value))
        return all(isinstance(v, Term) and v.op == NEW_PARAMETER for v in values)

    @staticmethod
    def _called_without_grad(policy: PolicyClass) -> bool:
        """Whether some caller switches autograd off a few lines before it clips."""
        mode = rb"(?:no_grad|inference_mode|set_grad_enabled)\b[^\n]*\n(?:[^\n]*\n){0,5}?"
        return policy.module.project.texts.say(
            mode + rb"[^\n]*(?<!super\(\))\.%s\(" % policy.contract.clip_method.encode()
        )
