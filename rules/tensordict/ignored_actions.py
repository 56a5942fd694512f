from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.dependence import asks_only, goes_back_to, put_into
from policyfix.trace import Escape, InPlace, KeyRead, KeyWrite, Trace
from policyfix.values import Term, Unknown, Value, key_of, parts


class IgnoredActions(Rule[PolicyClass]):
    """Training evaluates other actions than the ones that were taken.

    ## What it does
    Reports a contract policy whose `act_log_prob` in training is computed without the numbers of the `action`
    that the trainer gives: from freshly sampled actions, from a mean over all actions, from a constant.

    ## Why it matters
    The importance ratio compares the log-probability of the stored action with that of another one. The
    gradient then rewards actions that nobody took: it is no policy gradient at all, and nothing raises.

    ## Example
    ```python
    def forward(self, td, state=None, action=None):
        ...
        index = torch.multinomial(log_probs.exp(), 1)
        td["act_log_prob"] = log_probs.gather(-1, index)
    ```

    ## Use instead
    ```python
    def forward(self, td, state=None, action=None):
        ...
        index = torch.multinomial(log_probs.exp(), 1)
        if action is not None:
            index = self._convert_action_to_logit_index(action).unsqueeze(-1)
        td["act_log_prob"] = log_probs.gather(-1, index)
    ```

    ## Fix safety
    Safe: the log-probability is looked up at the given actions, in the same distribution.

    ## Source
    Metta-AI/metta, `example.py`: the given actions are ignored in training.
    """

    code = "PF107"
    name = "ignored-actions"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        training = policy.training
        if not policy.is_contract or policy.keeps_contract or not policy.serves_training:
            return
        if not policy.shows_all_writes(training):
            return
        writes = [w for w in training.of(KeyWrite) if w.key == policy.contract.log_prob_key]
        unread = not _reads_actions(policy)
        put = put_into(policy.contract.log_prob_key, training)
        if writes and (unread or all(self._ignores(value, training, policy) for value in put)):
            yield self.finding(
                writes[-1].place,
                f'td["{policy.contract.log_prob_key}"] does not depend on the actions that training gives: '
                "other actions are evaluated than were taken",
                policy,
            )

    @staticmethod
    def _ignores(value: Value, training: Trace, policy: PolicyClass) -> bool:
        """Whether a value is certainly made without the given actions."""
        nearby = goes_back_to(value, training, into_networks=False)
        if any(_may_hide(part, training, policy.contract.observation_key) for part in nearby):
            return False
        escaped = [e.value for e in training.of(Escape)]
        return not any(_is_action(part) for v in [value, *escaped] for part in goes_back_to(v, training))


def _reads_actions(policy: PolicyClass) -> bool:
    """Whether anything is made of the actions, or done with them, but asking for their shape."""
    if any(read.key == policy.contract.actions_key for read in policy.training.of(KeyRead)):
        return True
    made = [arg for term in policy.terms if not asks_only(term) for arg in term.args]
    done = [event.value for event in policy.training.events if isinstance(event, KeyWrite | Escape | InPlace)]
    held = [*made, *done, *(value for _, _, value in policy.training.heap.items())]
    return any(_is_action(part) for value in held for part in (value, *parts(value)))


def _is_action(value: Value) -> bool:
    return isinstance(value, Term) and value.op == "action"


def _may_hide(value: Value, trace: Trace, observation: str) -> bool:
    """Whether something is not followed that may hold the actions."""
    if isinstance(value, Unknown):
        return True
    key = key_of(value)
    if key is not None:
        return key != observation and not any(w.key == key for w in trace.of(KeyWrite))
    return isinstance(value, Term) and value.op in ("opaque", "keywords")
