"""One logit a joint action: every legal action can be sampled and trained."""

from ..harness import Bench, BrokenClauseError

HINT = "give the head one logit per joint (type, argument), not one per entry of each action dimension"


def probe(bench: Bench) -> str:
    policy = bench.policy()
    log_probs = bench.step(policy, bench.observations(3)).get(bench.contract.rollout.full_log_probs)
    actions = bench.joint_actions()
    if log_probs is None:
        raise BrokenClauseError(f"the rollout writes no {bench.contract.rollout.full_log_probs!r}")
    if tuple(log_probs.shape) != (3, len(actions)):
        per_row = "x".join(map(str, log_probs.shape[1:]))
        unreachable = "" if log_probs.ndim != 2 else _unreachable(actions.tolist()[log_probs.shape[1] :])
        raise BrokenClauseError(f"{per_row} logits a row for {len(actions)} joint actions{unreachable}")
    if not bool(log_probs.isfinite().all()):
        never = (~log_probs.isfinite()).any(0).nonzero().flatten().tolist()
        raise BrokenClauseError(f"the legal joint actions {never} have no finite log-prob")
    td = bench.train(bench.twin(policy), bench.observations(1, len(actions)), actions.unsqueeze(0))
    evaluated = bench.training_outputs(td, 1, len(actions)).act_log_prob
    if not bool(evaluated.isfinite().all()):
        raise BrokenClauseError("training gives legal actions a log-prob that is not finite")
    return f"{len(actions)} logits for {len(actions)} joint actions, all finite in rollout and training"


def _unreachable(actions: list[list[int]]) -> str:
    return f": {', '.join(str(tuple(action)) for action in actions)} can never be sampled" if actions else ""
