from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import Trainer
from policyfix.subjects.program import entry_of


class UntruncatedAdvantage(Rule[Trainer]):
    """The advantage recursion is cut where episodes end, but not where they are truncated.

    ## What it does
    Reports a recursion over rewards, values and `dones`, written as a loop that runs back in time or as
    a call of a kernel that does so, which `truncateds` never enters, in a trainer that receives both
    flags. It is silent where the two flags are joined anywhere on the way.

    ## Why it matters
    After a truncation the next row belongs to another episode. Without the cut, the truncated step
    bootstraps from the first value of that episode, and its advantages flow back into this one.

    ## Example
    ```python
    def advantages(td: TensorDict, gamma: float, lam: float) -> torch.Tensor:
        ended, last = td["dones"], 0
        for t in reversed(range(td.shape[1] - 1)):
            goes_on = 1 - ended[:, t + 1]
            delta = td["rewards"][:, t + 1] + gamma * td["values"][:, t + 1] * goes_on - td["values"][:, t]
            last = delta + gamma * lam * goes_on * last
    ```

    ## Use instead
    ```python
    def advantages(td: TensorDict, gamma: float, lam: float) -> torch.Tensor:
        ended, last = torch.maximum(td["dones"], td["truncateds"]), 0
        for t in reversed(range(td.shape[1] - 1)):
            goes_on = 1 - ended[:, t + 1]
            delta = td["rewards"][:, t + 1] + gamma * td["values"][:, t + 1] * goes_on - td["values"][:, t]
            last = delta + gamma * lam * goes_on * last
    ```

    ## Fix safety
    None is offered: whether a truncation is an end, or bootstraps from the value of its last
    observation, is the trainer's choice.

    ## Source
    Metta-AI/metta at 04185f82e9, `compute_advantage`: only `dones` cut the recursion (divergence R14).
    Pardo et al., *Time Limits in Reinforcement Learning*, ICML 2018.
    """

    code = "PF606"
    name = "untruncated-advantage"
    severity = Severity.WARNING

    def check(self, trainer: Trainer) -> Iterator[Finding]:
        contract = trainer.contract
        done, *truncations = contract.boundary_keys
        needed = {contract.reward_key, contract.value_key, done}
        known = needed | contract.outputs
        if not trainer.is_contract or not trainer.keys & set(truncations):
            return
        if any(trainer.joins(done, truncation) for truncation in truncations):
            return
        for made_of, place in trainer.advantages:
            keys = {key for part in made_of if (key := entry_of(part)) is not None}
            if needed <= keys <= known:
                yield self.finding(
                    place,
                    f"{' and '.join(truncations)} never enter this recursion: a truncated episode bootstraps "
                    f"from the episode after it",
                    trainer,
                )
