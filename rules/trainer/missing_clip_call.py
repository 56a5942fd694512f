from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import Trainer


class MissingClipCall(Rule[Trainer]):
    """The optimizer steps, and nobody clips the weights afterwards.

    ## What it does
    Reports a step of the optimizer of a contract policy that no call of `clip_weights()` follows,
    neither in the trainer nor in what it calls. It is silent where the policy is handed to code that is
    not known, or run by code that is not.

    ## Why it matters
    The policy knows its `clip_range`, but it is the trainer that has to ask. Without the call the range
    in the config does nothing, and weights grow without bound.

    ## Example
    ```python
    def update(policy, optimizer, td, actions):
        policy.reset_memory()
        loss = ppo_loss(policy(td, action=actions))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    def update(policy, optimizer, td, actions):
        policy.reset_memory()
        loss = ppo_loss(policy(td, action=actions))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.clip_weights()
    ```

    ## Fix safety
    Safe: with the default `clip_range` of 0 the call does nothing.

    ## Source
    Metta-AI/metta, `metta/rl/trainer.py`: `policy.clip_weights()` right after `optimizer.step()`.
    """

    code = "PF602"
    name = "missing-clip-call"

    def check(self, trainer: Trainer) -> Iterator[Finding]:
        method = trainer.contract.clip_method
        if not trainer.steps or not trainer.is_contract or trainer.clips_itself:
            return
        if not trainer.policies:  # others run it: what else they do with it is not seen
            return
        if trainer.weight_clips or trainer.is_called_by_code_that_mentions(method):
            return
        for step in {s.place: s for s in trainer.steps}.values():
            if not any(h.order > step.order for h in trainer.handovers):
                yield self.finding(
                    step.place,
                    f"{method}() is never called after this step: the config's "
                    f"{trainer.contract.clip_range} has no effect",
                    trainer,
                )
