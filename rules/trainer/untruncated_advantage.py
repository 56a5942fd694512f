from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import Trainer
from policyfix.subjects.program import entry_of
from policyfix.values import Term, Value, walk


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
        values = {contract.value_key, dict(contract.spellings).get(contract.value_key)}
        known = {contract.reward_key, done} | values | contract.outputs
        cut_by_done = [
            place
            for step, place in trainer.advantages
            if {contract.reward_key, done} <= (keys := _keys(step, contract.reward_key)) <= known
            and keys & values
            and _entries(step).isdisjoint(truncations)
        ]
        cut_by_done += [p for flag, p in trainer.advantage_kernels if _entries(flag) == {done}]
        if not cut_by_done:
            return
        collectors = [c for key in truncations for c in trainer.collectors(done, key)]
        if not any(t.is_contract for t in (trainer, *collectors)):
            return
        if not collectors or any(c.joins(done, key) for c in collectors for key in truncations):
            return
        for place in cut_by_done:
            yield self.finding(
                place,
                f"{' and '.join(truncations)} never enter this recursion: a truncated episode bootstraps "
                f"from the episode after it",
                trainer,
            )


def _entries(value: Value) -> set[str]:
    """The entries among what a value is made of."""
    return {key for part in walk(value) if (key := entry_of(part)) is not None}


def _keys(step: Value, reward: str) -> set[str]:
    """The entries that a step of a recursion picks from. What it only reckons with, where it picks the
    rewards, is a setting, `settings["gamma"]`; how a buffer was made tells nothing of the recursion."""
    parts = list(walk(step, _is_made_here))
    picked = {
        inner
        for part in parts
        if isinstance(part, Term) and part.op not in _RECKONING and entry_of(part) is None
        for inner in walk(part, _is_made_here)
    }
    series, given = ({key for p in some if (key := entry_of(p)) is not None} for some in (picked, parts))
    return series if reward in series else given


def _is_made_here(term: Term) -> bool:
    return entry_of(term) is None


_RECKONING = frozenset("+ - * / ** detach float".split())
