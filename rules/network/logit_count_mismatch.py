from __future__ import annotations

from collections.abc import Callable, Iterator

from policyfix.rule import Finding, Rule
from policyfix.subjects import PolicyClass
from policyfix.subjects.action_head import EMBEDDING, logits
from policyfix.trace import Place
from policyfix.values import Const, Term, Value, argument, options


class LogitCountMismatch(Rule[PolicyClass]):
    """The head has one logit per choice of each action dimension, but logits stand for whole actions.

    ## What it does
    Reports a policy whose logits are as many as the *sum* of the action space's dimensions (one head per
    dimension, concatenated, or one layer of that width), while it looks actions up in the trainer's table of
    joint (type, argument) actions.

    ## Why it matters
    With 7 types and arguments up to 8 there are 16 logits for 19 joint actions: the last ones can never be
    chosen, and training indexes past the end. Where there are more logits than actions, sampling does.

    ## Example
    ```python
    self.heads = nn.ModuleList([nn.Linear(512, n) for n in env.single_action_space.nvec])
    ```

    ## Use instead
    ```python
    self.head = nn.Linear(512, sum(most + 1 for most in env.max_action_args))
    ```

    ## Fix safety
    None: a head of another width has other parameters, so it is trained anew.

    ## Source
    Metta-AI/metta: `actor_heads` of the agents before 04185f82e9 (`Fast`) and still there (`LatentAttn*`).
    """

    code = "PF510"
    name = "logit-count-mismatch"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or not self._uses_joint_actions(policy):
            return
        said: set[Place] = set()
        for scores in logits(policy):
            place = policy.made(scores) if isinstance(scores, Term) else None
            if _width_is_sum_of_dimensions(scores) and place is not None and place not in said:
                said.add(place)
                yield self.finding(
                    place,
                    "as many logits as all action dimensions have choices together, "
                    "but they are indexed as joint (type, argument) actions",
                    policy,
                )

    @staticmethod
    def _uses_joint_actions(policy: PolicyClass) -> bool:
        """Whether forward looks something up in the contract's action tables."""
        tables = {name for name, _ in policy.contract.tables}
        return any(
            term.op == "attribute" and isinstance(term.args[1], Const) and term.args[1].value in tables
            for term in policy.forward_terms
        )


_SUM = frozenset("sum numpy.sum torch.sum math.fsum".split())
_CONVERTING = frozenset("int item numpy.asarray numpy.array torch.tensor tolist long numpy.int64".split())
_PRODUCTS = frozenset("@ matmul torch.matmul".split())
_CONCATENATING = frozenset("torch.cat torch.concat torch.hstack".split())


def _width_is_sum_of_dimensions(scores: Value) -> bool:
    """Whether logits are one head per action dimension side by side, or one layer as wide as all of them."""
    if not isinstance(scores, Term):
        return False
    if scores.op in _CONCATENATING:
        heads = scores.args[0]
        parts = heads.args if isinstance(heads, Term) and heads.op == "each" else (heads,)
        return bool(parts) and all(_is_head(p, _is_dimension) for p in parts)
    return _is_head(scores, _is_sum) or any(_is_scored(a) for a in scores.args if scores.op in _PRODUCTS)


def _is_scored(value: Value) -> bool:
    """Whether one side of a product is a whole table of embeddings, one for every choice."""
    while isinstance(value, Term) and value.op in ("transpose", "t", "permute"):
        value = value.args[0]
    table = value.args[0] if isinstance(value, Term) and value.op == ".weight" else None
    if not isinstance(table, Term) or table.op != EMBEDDING:
        return False
    rows = argument(table, 0, "num_embeddings")
    return rows is not None and any(_is_sum(o) for o in options(rows))


def _is_head(value: Value, width: Callable[[Value], bool]) -> bool:
    """Whether a value comes from a layer of that width."""
    if not isinstance(value, Term) or value.op != "module" or not isinstance(value.args[0], Term):
        return False
    layer = value.args[0]
    size = argument(layer, 1, "out_features") if layer.op == "new:torch.nn.Linear" else None
    return size is not None and any(width(o) for o in options(size))


def _is_dimension(size: Value) -> bool:
    """An element of `space.nvec`."""
    size = _converted(size)
    return isinstance(size, Term) and size.op == "index" and _is_dimensions(size.args[0])


def _is_sum(size: Value) -> bool:
    """`sum(space.nvec)`."""
    size = _converted(size)
    return isinstance(size, Term) and size.op in _SUM and _is_dimensions(size.args[0])


def _is_dimensions(value: Value) -> bool:
    """`nvec` of an action space of several dimensions."""
    value = _converted(value)
    return isinstance(value, Term) and value.op == ".nvec"


def _converted(value: Value) -> Value:
    while isinstance(value, Term) and value.op in _CONVERTING and value.args:
        value = value.args[0]
    return value
