from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import Trainer
from policyfix.subjects.trainer import Update
from policyfix.trace import Place


class StepOrder(Rule[Trainer]):
    """Backward, gradient clipping, optimizer step and weight clipping do not follow each other in that order.

    ## What it does
    Looks at update loops of contract policies with one backward and one optimizer step, and reports:
    gradients that are zeroed between backward and step; gradients that are clipped when the step is
    done; weights that are clipped before the step; gradients that nobody ever zeroes; and gradients that
    are zeroed for every minibatch where the step is taken only for every so many.

    ## Why it matters
    Nothing raises. The step sees no gradients, all of the earlier ones, or unclipped ones; accumulated
    gradients are those of the last minibatch only.

    ## Example
    ```python
    def update(policy, optimizer, minibatches):
        for td in minibatches:
            policy.reset_memory()
            loss = ppo_loss(policy(td, action=td["actions"]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clip_grad_norm_(policy.parameters(), 0.5)
            policy.clip_weights()
    ```

    ## Use instead
    ```python
    def update(policy, optimizer, minibatches):
        for td in minibatches:
            policy.reset_memory()
            loss = ppo_loss(policy(td, action=td["actions"]))
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
            policy.clip_weights()
    ```

    ## Fix safety
    None is offered: another order trains with other numbers.

    ## Source
    Metta-AI/metta, `metta/rl/trainer.py`: zero_grad, backward, clip_grad_norm_, step, clip_weights.
    There `zero_grad` stands outside of the branch that accumulates (divergence R09).
    """

    code = "PF603"
    name = "step-order"

    def check(self, trainer: Trainer) -> Iterator[Finding]:
        if not trainer.steps or not trainer.is_contract:
            return
        for update in trainer.updates:
            for place, message in _faults(update, trainer):
                yield self.finding(place, message, trainer)


def _faults(update: Update, trainer: Trainer) -> Iterator[tuple[Place, str]]:
    to_step = update.from_backward_to_step
    for zeroing in update.zeroings:
        if zeroing in to_step:
            is_late = update.step.order < update.backward.order
            place = update.step.place if is_late else zeroing.place
            yield place, "the gradients are zeroed between backward and step: the optimizer steps without any"
        elif (
            update.accumulates
            and zeroing.within == update.within
            and not update.is_made_now_and_then(zeroing)
        ):
            yield (
                zeroing.place,
                (
                    "the gradients are zeroed for every minibatch, and the step is taken for every so "
                    "many: all but the last are lost"
                ),
            )
    if not any(clip in to_step for clip in update.gradient_clips):
        for clip in update.gradient_clips:
            yield (
                clip.place,
                "the gradients are clipped when the step has been taken: the clipping has no effect",
            )
    if not any(clip.order > update.step.order for clip in update.weight_clips):
        for clip in update.weight_clips:
            yield clip.place, "the weights are clipped before the step: what the step writes is not"
    if not trainer.zeroes_gradients and not update.is_call:
        yield (
            update.step.place,
            "nobody zeroes the gradients: every step also takes those of all steps before",
        )
