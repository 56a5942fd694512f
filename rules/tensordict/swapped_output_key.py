from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.trace import KeyWrite


class SwappedOutputKey(Rule[PolicyClass]):
    """An output is written under the name that it has in the other mode.

    ## What it does
    Reports a contract policy that in one mode writes the other mode's spelling of an output, `value` in a
    rollout or `values` in training, and its own spelling nowhere. A forward that writes both is left alone,
    and so is one among files that read the spelling which it writes, and never the other: their trainer has
    one name for both modes.

    ## Why it matters
    The rollout's estimate is stored from `values`, the loss reads `value`. With the names swapped the buffer
    keeps what stood there before, or the loss stops with a `KeyError` for a key that was written elsewhere.

    ## Example
    ```python
    if action is None:
        td["value"] = value.flatten()
    ```

    ## Use instead
    ```python
    if action is None:
        td["values"] = value.flatten()
    ```

    ## Fix safety
    Safe: the same tensor is written under the name that the trainer reads in that mode.

    ## Source
    Metta-AI/metta: the experience buffer stores `values`, the PPO loss and the kickstarter read `value`.
    """

    code = "PF105"
    name = "swapped-output-key"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract:
            return
        for mode in policy.modes:
            for spellings in policy.contract.spellings:
                own, other = spellings if spellings[0] in mode.outputs else spellings[::-1]
                if policy.writes(own, mode.trace) is not False:
                    continue
                write = next((w for w in mode.trace.of(KeyWrite) if w.key == other), None)
                if write is not None and not _is_read_as_written(policy, other, own):
                    yield self.finding(
                        write.place,
                        f'writes td["{other}"] in {mode.name}, where the trainer reads td["{own}"]',
                        policy,
                    )


def _is_read_as_written(policy: PolicyClass, written: str, asked: str) -> bool:
    """Whether other files read an entry as the policy writes it, and none speaks of the other spelling."""
    entry = rb"""(?<=[\w\])])\[["']%s["']\]"""  # of a TensorDict, no list of one string
    others_say = partial(policy.module.project.texts.others_say, policy.path)
    reads = entry % re.escape(written).encode() + rb"(?!\s*=[^=])"
    return others_say((written, "TensorDict"), reads) and not others_say(
        (asked, "TensorDict"), entry % re.escape(asked).encode()
    )
