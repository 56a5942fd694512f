from __future__ import annotations

from collections.abc import Iterator

from policyfix.rule import Finding, Rule
from policyfix.shapes import ONE, ROWS, STEPS
from policyfix.subjects import PolicyClass
from policyfix.trace import Compared, CoreCall, Trace
from policyfix.values import (
    SEQUENCE_CORES,
    Const,
    Either,
    Group,
    Term,
    Value,
    argument,
    key_of,
    keywords,
    options,
    parts,
    runs_over_time,
    walk,
)


class FoldedTime(Rule[PolicyClass]):
    """Training folds the time steps into the batch: the recurrent core sees sequences of one step.

    ## What it does
    Reports a contract policy that in training, where it gets T steps of each of B rows, gives its core B*T
    rows of one step each. Silent where states of single steps come from the TensorDict, where the steps are
    taken one by one, where a core reads the tokens of one observation, and where forward compares T with 1.

    ## Why it matters
    Every step then starts from the same state, so no gradient flows through time and the policy that is
    trained has no past, while the one that acts has. All shapes fit and nothing raises: the core trains as a
    feed-forward layer, and the importance ratio compares two different policies.

    ## Example
    ```python
    td = td.reshape(B * T)
    hidden = self.encode(td["env_obs"])  # [B*T, H]
    out, _ = self.lstm(hidden.unsqueeze(0))  # [1, B*T, H]
    ```

    ## Use instead
    ```python
    td = td.reshape(B * T)
    hidden = self.encode(td["env_obs"])
    out, _ = self.lstm(hidden.view(B, T, -1).transpose(0, 1))  # [T, B, H]
    ```

    ## Fix safety
    None: how rows are folded back into time is the forward's own business.

    ## Source
    Metta-AI/metta at cef2d0434a, `example.py`: training flattens first, then takes the rows for sequences of
    length 1 (divergence B18).
    """

    code = "PF211"
    name = "folded-time"

    def check(self, policy: PolicyClass) -> Iterator[Finding]:
        if not policy.is_contract or policy.keeps_contract or not (policy.cores and policy.serves_training):
            return
        training = policy.training
        calls = [
            call
            for call in training.of(CoreCall)
            if call.kind in SEQUENCE_CORES and runs_over_time(call.input)
        ]
        encoded = _given_to_cores(policy.rollout)
        if not all(_is_folded(call, training) or _is_one_step_of_each(call, encoded) for call in calls):
            return
        if not calls or any(_is_given_states(call, policy) for call in calls) or _asks_for_one_step(training):
            return
        call = calls[0]
        laid_out = min((o for o in options(call.input) if isinstance(o, Term)), key=lambda term: term.order)
        core = call.kind.rpartition(".")[2]
        yield self.finding(
            policy.made(laid_out) or call.place,
            f"in training the {core} takes each of the B*T steps for a row: no gradient flows through time",
            policy,
        )


def _is_folded(call: CoreCall, training: Trace) -> bool:
    """Whether each row of a core's input is one step of a row."""
    rows_first = argument(call.core, 4, "batch_first") or Const(False)
    if "**" in keywords(call.core.args) or rows_first not in (Const(False), Const(True)):
        return False
    shapes = [training.shapes.of(option) for option in options(call.input)]
    sizes = [shape.sizes[:2] for shape in shapes if shape is not None and shape.rank == 3]
    if len(sizes) < len(shapes):
        return False
    laid_out = [pair[::-1] if rows_first == Const(True) else pair for pair in sizes]
    # Where the steps are not known, all rows are in the batch too: the sequences are of something else.
    return all(
        rows is not None and rows.equals(ROWS * STEPS) and steps in (None, ONE) for steps, rows in laid_out
    )


def _given_to_cores(rollout: Trace) -> dict[str, list[Term]]:
    """What the inputs of cores are made of in a rollout, by operation."""
    found: dict[str, list[Term]] = {}
    for part in {part for call in rollout.of(CoreCall) for part in walk(call.input)}:
        if isinstance(part, Term):
            found.setdefault(part.op, []).append(part)
    return found


def _is_one_step_of_each(call: CoreCall, encoded: dict[str, list[Term]]) -> bool:
    """Whether an axis of one time step was added to what the rollout makes of its rows, made of the flattened
    rows in the same way: then each of them is in the batch, as in a rollout."""
    at = 1 if argument(call.core, 4, "batch_first") == Const(True) else 0
    return all(
        isinstance(option, Term)
        and _added_axis(option) == at
        and isinstance(rows := option.args[0], Term)
        and any(_is_alike(rows, other, {}) for other in encoded.get(rows.op, ()))
        for option in options(call.input)
    )


def _added_axis(value: Term) -> int | None:
    """Where an axis was added, the first or the second: `x.unsqueeze(0)`, `x[None]`, `x[:, None]`."""
    match value:
        case Term(op="unsqueeze" | "torch.unsqueeze", args=(_, Const(value=0 | 1 as at))):
            return at
        case Term(op="index", args=(_, Const(value=None))):
            return 0
        case Term(op="index", args=(_, Group(items=(Const(value=None), *rest)))) if Const(None) not in rest:
            return 0
        case Term(op="index", args=(_, Group(items=(Term(op="slice"), Const(value=None))))):
            return 1
        case _:
            return None


def _is_alike(trained: Value, played: Value, known: dict[tuple[Value, Value], bool]) -> bool:
    """Whether training makes of its flattened TensorDict what a rollout makes of the one that it is given."""
    pair = (trained, played)
    if pair not in known:
        known[pair] = True  # while its parts are compared
        match pair:
            case (Term(op=flat, args=(Term(op="td"), *_)), Term(op="td")):
                known[pair] = flat in ("td.reshape", "td.view", "td.flatten")
            case (Term(op="td"), _):
                known[pair] = False
            case (Term(), Term()) | (Group(), Group()) if type(trained) is type(played):
                same = not isinstance(trained, Term) or (isinstance(played, Term) and trained.op == played.op)
                ours, theirs = list(parts(trained)), list(parts(played))
                pairs = zip(ours, theirs, strict=False)
                known[pair] = (
                    same and len(ours) == len(theirs) and all(_is_alike(*both, known) for both in pairs)
                )
            case (Either(options=ours), Either(options=theirs)):
                known[pair] = len(ours) == len(theirs) and all(
                    any(_is_alike(one, other, known) for other in theirs) for one in ours
                )
            case _:
                known[pair] = trained == played
    return known[pair]


def _is_given_states(call: CoreCall, policy: PolicyClass) -> bool:
    """Whether the state of single steps may come from the TensorDict."""
    contract = policy.contract
    known = {contract.environment_key, contract.observation_key, *contract.boundary_keys}
    given = walk(call.state, lambda term: term.op != "core")
    return any(key_of(part) not in (None, *known) for part in given)


def _asks_for_one_step(training: Trace) -> bool:
    """Whether forward compares T with 1."""
    sizes = ([training.shapes.size(side) for side in (e.left, e.right)] for e in training.of(Compared))
    return any(STEPS in pair and ONE in pair for pair in sizes)
