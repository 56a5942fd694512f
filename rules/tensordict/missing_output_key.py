from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import Mode, PolicyClass


class MissingOutputKey(Rule[PolicyClass]):
    """A mode never writes an output that the trainer reads from it.

    ## What it does
    Reports a contract policy whose forward, in a rollout or in training, writes some of the outputs of that
    mode and others nowhere: neither itself nor in a helper, a base class or a net that gets the TensorDict.
    Actions alone are no evidence: a scripted player needs no log-probabilities. A key that is written under
    the other mode's name is PF105.

    ## Why it matters
    The buffer's rows are selected by key, so the first rollout or the first minibatch stops with a
    `KeyError`; or, worse, a key of the same name is already in the TensorDict, and an old tensor is used.

    ## Example
    ```python
    td["act_log_prob"] = log_probs.gather(-1, index)
    td["value"] = value
    td["full_log_probs"] = log_probs
    ```

    ## Use instead
    ```python
    td["act_log_prob"] = log_probs.gather(-1, index)
    td["entropy"] = -(log_probs.exp() * log_probs).sum(-1)
    td["value"] = value
    td["full_log_probs"] = log_probs
    ```

    ## Fix safety
    Safe where the output follows from what is written: the entropy from `full_log_probs`, and these from the
    log-softmax at hand. Other outputs are left to you.

    ## Source
    Metta-AI/metta: the keys that the experience buffer stores and that the PPO loss reads.
    """

    code = "PF104"
    name = "missing-output-key"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or policy.forward is None:
            return
        missing = {mode.name: keys for mode in policy.modes if (keys := _missing(policy, mode))}
        if missing:
            function, owner = policy.forward
            said = "; ".join(f"{_listed(keys)} in {mode}" for mode, keys in missing.items())
            place = policy.place(function, owner)
            yield self.finding(place, f"{owner.name}.forward never writes {said}", policy)


def _listed(keys: list[str]) -> str:
    return " and ".join(f'td["{key}"]' for key in keys)


def _missing(policy: PolicyClass, mode: Mode) -> list[str]:
    """Outputs of a mode that it certainly never writes, where it writes others."""
    written = [key for key in mode.outputs if policy.writes(key, mode.trace)]
    if not set(written) - {"actions"}:
        return []
    return [
        key
        for key in mode.outputs
        if policy.writes(key, mode.trace) is False and not _written_as_another(policy, mode, key)
    ]


def _written_as_another(policy: PolicyClass, mode: Mode, key: str) -> bool:
    return any(
        policy.writes(other, mode.trace)
        for pair in policy.contract.spellings
        for own, other in (pair, pair[::-1])
        if own == key
    )
