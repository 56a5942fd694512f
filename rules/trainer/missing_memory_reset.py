from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import Trainer
from policyfix.subjects.trainer import excludes
from policyfix.trace import Invocation


class MissingMemoryReset(Rule[Trainer]):
    """A rollout or a minibatch starts with the recurrent state that the one before it has left.

    ## What it does
    Reports a call of a recurrent contract policy that the state of other data reaches: a minibatch after
    a rollout or after another minibatch, a rollout after an update, with no `reset_memory()` (or
    `set_memory`) between them. It is silent where the caller passes the state, or hands the policy to
    code that is not known.

    ## Why it matters
    The policy keeps its state under the environment group, and a minibatch without one uses the first
    group's. Rows of a minibatch then start from states of other rows, and the rollout after it continues
    from them.

    ## Example
    ```python
    def update(policy, optimizer, buffer):
        for td in buffer.minibatches():
            loss = ppo_loss(policy(td, action=td["actions"]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
    ```

    ## Use instead
    ```python
    def update(policy, optimizer, buffer):
        for td in buffer.minibatches():
            policy.reset_memory()
            loss = ppo_loss(policy(td, action=td["actions"]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.clip_weights()
    ```

    ## Fix safety
    Safe: a reset is added before the minibatch, or before the loop of the rollout.

    ## Source
    Metta-AI/metta, `metta/rl/trainer.py`: `policy.reset_memory()` before the rollout and before every
    minibatch.
    """

    code = "PF601"
    name = "missing-memory-reset"

    def check(self, trainer: Trainer) -> Iterator[Finding]:
        if not trainer.steps or not trainer.is_contract or not trainer.has_memory:
            return
        for forward in trainer.forwards:
            if not trainer.passes_state(forward) and _continues(forward, trainer):
                what = "minibatch" if trainer.is_training(forward) else "rollout"
                yield self.finding(
                    forward.place,
                    f"no {trainer.contract.memory_methods[-1]}() before this {what}: it starts from the "
                    f"state that other data has left",
                    trainer,
                )


def _continues(forward: Invocation, trainer: Trainer) -> bool:
    """Whether the state of other data reaches a forward."""
    is_training = trainer.is_training(forward)
    resets = (c for c in trainer.resets if not trainer.is_of_another_policy(c, forward))
    stops = {c.order for c in (*resets, *trainer.handovers)}
    for earlier in reversed(trainer.calls):
        if earlier.order >= forward.order or excludes(earlier, forward):
            continue
        if earlier.order in stops or earlier.within[:1] != forward.within[:1]:
            return False
        if trainer.is_same_policy(earlier, forward) and (is_training or trainer.is_training(earlier)):
            return True
    return False
