from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule, Severity
from policyfix.subjects import PolicyClass
from policyfix.subjects.action_head import EMBEDDING, embeddings, logits
from policyfix.trace import Escape, InPlace, Rebound
from policyfix.values import Const, Term, Thing, Value, keyword, positional, walk


class ActionEmbeddingInitialisation(Rule[PolicyClass]):
    """The action embeddings are not initialised as orthogonal rows of at most 0.1.

    ## What it does
    Reports a policy whose logits are made from an embedding table that keeps torch's initialisation, or that
    the constructor initialises in another way and never scales.

    ## Why it matters
    torch draws embeddings from N(0, 1). A head that scores actions by them starts with logits of order 10:
    a nearly deterministic policy that explores few of its actions, and whose first gradients are large.

    ## Example
    ```python
    self.action_embeddings = nn.Embedding(100, 16)
    ```

    ## Use instead
    ```python
    self.action_embeddings = nn.Embedding(100, 16)
    nn.init.orthogonal_(self.action_embeddings.weight)
    with torch.no_grad():
        self.action_embeddings.weight.mul_(0.1 / self.action_embeddings.weight.abs().max())
    ```

    ## Fix safety
    Unsafe: training starts from other weights. Checkpoints load as before.

    ## Source
    Metta-AI/metta, `ActionEmbedding`: orthogonal, then scaled so that the largest entry is 0.1.
    """

    code = "PF505"
    name = "action-embedding-initialisation"
    severity = Severity.WARNING

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract:
            return
        said: set[Term] = set()
        for scores in logits(policy):
            for _, table in embeddings(scores):
                place = policy.made(table)
                if table in said or place is None:
                    continue
                said.add(table)
                left = _left_with(policy, table)
                if left is not None:
                    yield self.finding(
                        place,
                        f"the action embeddings {left}: they should be orthogonal rows of at most 0.1",
                        policy,
                    )


_DRAWING = frozenset(
    "normal_ uniform_ trunc_normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ "
    "constant_ zeros_ ones_".split()
)
_DRAWN = frozenset({"torch.randn", "torch.rand"})
_MANY = frozenset(
    f"module.{name}" for name in "modules children named_modules parameters named_parameters".split()
)


def _left_with(policy: PolicyClass, table: Term) -> str | None:
    """What the constructor leaves a table with, where that is something else for certain."""
    if keyword(table, "_weight") is not None:
        return None
    left = "keep torch's N(0, 1)"
    if table.op != EMBEDDING:
        drawn = positional(table.args[1:])[:1]
        if not (drawn and isinstance(drawn[0], Term) and drawn[0].op in _DRAWN):
            return None
        left = f"are drawn by {drawn[0].op}"
    for event in policy.building.events:
        match event:
            case InPlace(target=target, operation=operation, arguments=arguments):
                unscaled = operation == "orthogonal_" and all(_is_one(a) for a in arguments)
                if _touches(target, table):
                    if not unscaled and operation not in _DRAWING:
                        return None
                    left = f"are drawn by {operation} and not scaled"
            case Rebound(module=module, attribute="weight") if module is table:
                return None
            case Escape(value=value) if any(part is table for part in walk(value)):
                return None
            case _:
                pass
    return left


def _touches(target: Value, table: Term) -> bool:
    """Whether an overwritten tensor may be the table's weight."""
    return any(
        part is table or (isinstance(part, Term) and part.op in _MANY and isinstance(part.args[0], Thing))
        for part in walk(target)
    )


def _is_one(gain: Value) -> bool:
    """A gain of 1, by position or name."""
    if isinstance(gain, Term) and gain.op == "=gain":
        gain = gain.args[0]
    return gain in (Const(1), Const(1.0))
