from __future__ import annotations

from collections.abc import Container, Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.action_head import averaged_rows, logits
from policyfix.values import Term, Value, walk


class AveragedActionEmbedding(Rule[PolicyClass]):
    """The head averages the action embeddings, so it cannot tell actions apart.

    ## What it does
    Reports a policy whose logits are made from the mean or sum over all rows of an embedding table, and from
    these rows in no other way.

    ## Why it matters
    The average is one vector, the same for every action and every observation: a bias with extra steps. What
    the table could learn about single actions never reaches a logit, and an action set that changes is not
    noticed at all.

    ## Example
    ```python
    embedding = self.action_embeddings.weight.mean(dim=0).expand(features.shape[0], -1)
    logits = self.actor_head(torch.cat([features, embedding], dim=-1))
    ```

    ## Use instead
    ```python
    query = torch.tanh(self.query(features))
    logits = query @ self.action_embeddings.weight.T
    ```

    ## Fix safety
    None: another head has other parameters, so it is written and trained anew.

    ## Source
    Metta-AI/metta at cef2d0434a: `decode_actions` of four agents; the reference scores each action's own
    embedding (`MettaActorSingleHead`).
    """

    code = "PF504"
    name = "averaged-action-embedding"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        said: set[Term] = set()
        for scores in logits(policy):
            averages = dict(averaged_rows(scores))
            apart = _apart(scores, averages) if averages else set()
            for average, rows in averages.items():
                place = policy.made(average)
                if rows not in apart and average not in said and place is not None:
                    said.add(average)
                    yield self.finding(
                        place,
                        "the action embeddings are averaged: every action has the same vector in the head",
                        policy,
                    )


def _apart(scores: Value, averages: Container[Term]) -> set[Value]:
    """What logits are made from in other ways than through the averages."""
    return set(walk(scores, lambda term: term not in averages))
