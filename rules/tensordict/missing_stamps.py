from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.trainer import is_stamped_in_training


class MissingStamps(Rule[PolicyClass]):
    """A recurrent forward never stamps its TensorDict with `bptt` and `batch`.

    ## What it does
    Reports a contract policy that drives a recurrent core and whose forward writes one of the contract's
    stamps nowhere: not itself, nor in a helper, a mixin, a base class or a net that gets the TensorDict.
    Silent where a trainer stamps the TensorDict itself before it has the policy evaluate given actions. It
    may stand in any file of the repository, given or not, that names the class or a base of it, or that gets
    to one that does by two imports. A function that would stamp is not enough: what it stamps must be handed
    to a policy.

    ## Why it matters
    The stamps say how the flattened rows are to be folded back: `bptt` time steps for each of `batch` rows.
    Without them the trainer's buffer and every component that reads them treat a segment of T steps as T
    unrelated rows. Nothing raises; the policy learns without its time axis, plateaus, and collapses.

    ## Example
    ```python
    def forward(self, td: TensorDict, state=None, action=None):
        hidden = self.policy.encode_observations(td["env_obs"], state)
        ...
        return td
    ```

    ## Use instead
    ```python
    from policyfix.runtime import RecurrentPolicy


    class Fast(RecurrentPolicy):  # its forward stamps, flattens and reshapes
        ...
    ```
    or, in a forward of your own, `policyfix.runtime.write_stamps(td)` before anything else.

    ## Fix safety
    Safe: entries are added to the TensorDict, none that exists is changed.

    ## Source
    Metta-AI/metta, pull request 2126: plateau and collapse traced to the missing entries.
    """

    code = "PF101"
    name = "missing-stamps"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if policy.forward is None or policy.keeps_contract or not (policy.is_contract and policy.cores):
            return
        missing = [key for key in policy.contract.stamps if policy.writes(key) is False]
        if missing and not is_stamped_in_training(policy.cls, policy.contract):
            function, owner = policy.forward
            keys = " and ".join(f'td["{key}"]' for key in missing)
            yield self.finding(
                policy.place(function, owner),
                f"{owner.name}.forward never writes {keys}: the trainer cannot fold the rows back into time",
                policy,
            )
