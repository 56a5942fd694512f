from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.dependence import NETWORKS, goes_back_to, put_into
from policyfix.trace import Escape, KeyWrite
from policyfix.values import Term, Thing, Unknown, Value


class ConstantActions(Rule[PolicyClass]):
    """A rollout's actions do not depend on what the network says.

    ## What it does
    Reports a contract policy that computes a distribution over actions and, in a rollout, writes actions that
    are made neither from it nor from anything else that the policy computes: zeros of the right shape, random
    integers.

    ## Why it matters
    The environment gets the same action, or noise, whatever the policy learns. Log-probabilities are stored
    for actions that were never taken; the loss goes down and the return does not move.

    ## Example
    ```python
    index = torch.multinomial(log_probs.exp(), 1)
    td["actions"] = torch.zeros(index.shape, dtype=torch.int32)
    ```

    ## Use instead
    ```python
    index = torch.multinomial(log_probs.exp(), 1).view(-1)
    td["actions"] = self._convert_logit_index_to_action(index).to(torch.int32)
    ```

    ## Fix safety
    Safe where the forward has sampled actions at hand that it does not write; else the fix is yours.

    ## Source
    Metta-AI/metta, `example.py`: samples two heads, then writes zeros.
    """

    code = "PF108"
    name = "constant-actions"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        contract, rollout = policy.contract, policy.rollout
        if not policy.is_contract or policy.keeps_contract or not policy.shows_all_writes(rollout):
            return
        chosen = [w for w in rollout.of(KeyWrite) if w.key == contract.actions_key]
        said = [*put_into(contract.log_prob_key, rollout), *put_into(contract.log_probs_key, rollout)]
        if not chosen or not any(_is_network(p) for value in said for p in goes_back_to(value, rollout)):
            return
        handed_on = any(isinstance(e.value, Thing) for e in rollout.of(Escape))  # somebody may set attributes
        put = put_into(contract.actions_key, rollout)
        if not chosen[-1].guards:  # what was written before is gone
            gone = {write.value for write in chosen} - {chosen[-1].value}
            put = [value for value in put if value not in gone]
        if not any(_may_vary(part, handed_on) for value in put for part in goes_back_to(value, rollout)):
            yield self.finding(
                chosen[-1].place,
                f'td["{contract.actions_key}"] does not depend on the logits: '
                "the policy acts the same whatever it learns",
                policy,
            )


def _is_network(value: Value) -> bool:
    return isinstance(value, Term) and value.op in NETWORKS


def _may_vary(value: Value, handed_on: bool) -> bool:
    """Whether a value may hold something that the policy computes, keeps or is given."""
    if isinstance(value, Unknown):
        return True
    if not isinstance(value, Term):
        return False
    if value.op == "attribute":
        return handed_on
    return value.op in _GIVEN or value.op in NETWORKS or value.op.startswith("module.")


_GIVEN = frozenset("item td earlier parameter keywords env action opaque".split())
