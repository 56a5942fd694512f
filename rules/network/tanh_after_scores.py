from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.action_head import embeddings, logits
from policyfix.subjects.network import depends_on_input
from policyfix.values import VIEWS, Term, Value


class TanhAfterScores(Rule[PolicyClass]):
    """The bilinear head squashes its scores instead of its query.

    ## What it does
    Reports a policy whose logits are the tanh of products of features with action embeddings, with no scale
    after it.

    ## Why it matters
    Logits between -1 and 1 cannot make a policy choose: of 19 actions the best one gets at most 29 %. The
    entropy stays high, and the gradient of large scores vanishes. The reference bounds the query, so that
    the scores stay free.

    ## Example
    ```python
    scores = torch.einsum("be,ae->ba", self.query(features), self.action_embeddings.weight)
    logits = torch.tanh(scores)
    ```

    ## Use instead
    ```python
    query = torch.tanh(self.query(features))
    logits = torch.einsum("be,ae->ba", query, self.action_embeddings.weight)
    ```

    ## Fix safety
    None: trained heads give other logits, and which scale is wanted is not written in the source.

    ## Source
    Metta-AI/metta, `MettaActorSingleHead`: tanh of the query, then the scores, then the bias.
    """

    code = "PF508"
    name = "tanh-after-scores"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        said: set[Term] = set()
        for value in logits(policy):
            squashed = _shifted(value)
            inner = _squashed(squashed)
            if inner is None or not isinstance(squashed, Term) or squashed in said:
                continue
            scores = _shifted(_unscaled(inner))
            place = policy.made(squashed)
            if place is not None and _is_product(scores) and any(True for _ in embeddings(scores)):
                said.add(squashed)
                yield self.finding(
                    place,
                    "squashes the scores of the actions to (-1, 1): squash the query instead",
                    policy,
                )


_PRODUCTS = frozenset(
    "@ matmul bmm mm einsum torch.einsum torch.matmul torch.bmm torch.mm torch.baddbmm torch.addmm "
    "torch.inner torch.tensordot torch.nn.functional.linear torch.nn.functional.bilinear".split()
)
_LAYOUT = VIEWS | frozenset("torch.squeeze torch.reshape einops.rearrange torch.flatten index".split())


def _shifted(value: Value) -> Value:
    """What a value was before it was laid out anew and a bias was added."""
    while isinstance(value, Term) and value.args:
        if value.op in _LAYOUT:
            value = value.args[0]
        elif value.op in ("+", "add", "torch.add") and len(value.args) == 2:
            moving = [a for a in value.args if depends_on_input(a)]
            if len(moving) != 1:
                return value
            value = moving[0]
        else:
            return value
    return value


def _unscaled(value: Value) -> Value:
    """Scores before they were divided by a temperature."""
    match value:
        case Term(op="/" | "*" | "div" | "mul", args=(inner, scale)) if not depends_on_input(scale):
            return inner
        case _:
            return value


def _squashed(value: Value) -> Value | None:
    """The argument of a tanh."""
    match value:
        case Term(op="tanh" | "torch.tanh" | "torch.nn.functional.tanh", args=(inner, *_)):
            return inner
        case Term(op="module", args=(Term(op="new:torch.nn.Tanh"), inner)):
            return inner
        case _:
            return None


def _is_product(value: Value) -> bool:
    """Whether a value is a sum of products: a matrix product, a bilinear layer, `(a * b).sum(-1)`."""
    match value:
        case Term(op=op) if op in _PRODUCTS:
            return True
        case Term(op="module", args=(Term(op="new:torch.nn.Bilinear"), *_)):
            return True
        case Term(op="sum" | "torch.sum", args=(Term(op="*" | "mul" | "torch.mul"), *_)):
            return True
        case _:
            return False
