from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.shapes import ROWS, STEPS, Shape
from policyfix.subjects import PolicyClass
from policyfix.subjects.layout import certain, misfits, reaches, returned
from policyfix.trace import KeyWrite, Place, Returned, Trace
from policyfix.values import Term, options

MINIBATCH = Shape((ROWS, STEPS))


class MissingTrainingReshape(Rule[PolicyClass]):
    """Training gives a TensorDict of batch size [B, T] and does not get one back.

    ## What it does
    Reports a contract policy that in training writes flattened outputs to a TensorDict of batch size [B, T],
    returns the flattened TensorDict, brings it to other sizes than [B, T], or returns another TensorDict than
    the one with the outputs.

    ## Why it matters
    The loss compares the outputs with the minibatch's [B, T] tensors. Of size [B*T] or [B*T, 1] they raise,
    or broadcast to [B*T, B*T] without a word; brought to [T, B] each is compared with another row's.

    ## Example
    ```python
    td = td.reshape(B * T)
    td["value"] = value
    return td
    ```

    ## Use instead
    ```python
    td = td.reshape(B * T)
    td["value"] = value
    return td.reshape(B, T)
    ```

    ## Fix safety
    Safe: entries keep their order and numbers; the trainer gets the batch size that it gave.

    ## Source
    Metta-AI/metta at cef2d0434a, `example.py`: returns a TensorDict of batch size [B*T, 1].
    """

    code = "PF103"
    name = "missing-training-reshape"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or not policy.serves_training:
            return
        fault = self._wrong_entry(policy) or self._wrong_end(policy)
        if fault is not None:
            place, message = fault
            yield self.finding(place, message, policy)

    @staticmethod
    def _wrong_entry(policy: PolicyClass) -> tuple[Place, str] | None:
        """An output that does not fit the TensorDict that it is written to."""
        training = policy.training
        for key in policy.contract.training_outputs:
            writes = [w for w in training.of(KeyWrite) if w.key == key]
            if not writes or not certain([w.guards for w in writes]):
                continue
            if all(misfits(w, training.shapes) for w in writes):
                size = training.shapes.of(writes[0].value)
                batch = training.shapes.of(writes[0].tensordict)
                return writes[0].place, f'td["{key}"] of size {size} is written to a batch of size {batch}'
        return None

    @staticmethod
    def _wrong_end(policy: PolicyClass) -> tuple[Place, str] | None:
        """A way out of forward on which training does not get its outputs back as [B, T]."""
        training = policy.training
        outputs = [w for w in training.of(KeyWrite) if w.key in policy.contract.training_outputs]
        ends = returned(training)
        if not outputs or not ends:
            return None
        wrong = [_size(end, training) for end in ends]
        if all(wrong):
            return _place(policy, ends[0]), f"training gets a TensorDict of batch size {wrong[0]}, not [B, T]"
        if not policy.shows_all_writes(training):
            return None
        if any(reaches(w.tensordict, end.value, training.shapes) for w in outputs for end in ends):
            return None
        return ends[0].place, "training gets back another TensorDict than the one with its outputs"


def _size(end: Returned, training: Trace) -> Shape | None:
    """The batch size that is returned, where it is certainly not [B, T]."""
    sizes = [training.shapes.of(option) for option in options(end.value)]
    return sizes[0] if all(s is not None and s.differs(MINIBATCH) for s in sizes) else None


def _place(policy: PolicyClass, end: Returned) -> Place:
    """Where the TensorDict got its wrong sizes, if that was the last thing done to it."""
    sizes = policy.training.shapes.of(end.value)
    if isinstance(end.value, Term) and sizes is not None and sizes.rank != 1:
        return policy.made(end.value) or end.place
    return end.place
