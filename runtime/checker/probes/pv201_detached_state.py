"""What the policy keeps between calls has no graph: no `grad_fn`, a second backward works, nothing grows."""

from typing import Any

from ..harness import Bench, BrokenClauseError, NotApplicableError, kept_tensors

HINT = "detach the state where it is stored: `self.h, self.c = h.detach(), c.detach()`"
BATCH, STEPS = 3, 100


def probe(bench: Bench) -> str:
    policy = bench.policy()
    bench.need_recurrent_policy(policy)
    _second_backward(bench, policy)
    _no_graph_kept(bench, policy, "training")
    _rollout_with_gradients(bench, policy)
    _no_graph_kept(bench, policy, "rollout")
    kept = _no_growth(bench)
    if not bench.carries_state():
        raise NotApplicableError(
            "the policy carries no state from one step to the next, so nothing has a graph (see PV205)"
        )
    return f"two backward passes; no grad_fn among {kept} kept tensors; no growth over {STEPS} steps"


def _second_backward(bench: Bench, policy: Any) -> None:
    keys = bench.contract.training
    for time in ("first", "second"):
        td = bench.train(policy, bench.observations(BATCH, 4), bench.actions(BATCH, 4))
        written = [td[key] for key in (keys.act_log_prob, keys.value) if key in td]
        if not any(tensor.requires_grad for tensor in written):
            raise BrokenClauseError("the training forward's outputs carry no gradient")
        try:
            sum(tensor.sum() for tensor in written).backward()
        except RuntimeError as error:
            raise BrokenClauseError(f"the {time} backward raises: {_first_sentence(error)}") from None


def _first_sentence(error: RuntimeError) -> str:
    return str(error).partition(". ")[0]


def _rollout_with_gradients(bench: Bench, policy: Any) -> None:
    reset = getattr(policy, bench.contract.memory.reset, None)
    if callable(reset):
        reset()
    policy(bench.rollout_input(bench.observations(BATCH)))


def _no_graph_kept(bench: Bench, policy: Any, mode: str) -> None:
    attached = [path for path, tensor in kept_tensors(policy) if tensor.grad_fn is not None]
    if attached:
        raise BrokenClauseError(
            f"after a {mode} forward with gradients these keep their graph: {', '.join(attached)}"
        )


def _no_growth(bench: Bench) -> int:
    policy = bench.policy()
    sizes = []
    for step in range(STEPS):
        bench.step(policy, bench.observations(BATCH))
        if step in (9, STEPS - 1):
            kept = [tensor for _, tensor in kept_tensors(policy)]
            sizes.append((len(kept), sum(tensor.numel() for tensor in kept)))
    early, late = sizes
    if late[0] > early[0] or late[1] > early[1]:
        raise BrokenClauseError(
            f"kept tensors grow from {early[0]} ({early[1]} numbers) after 10 steps "
            f"to {late[0]} ({late[1]}) after {STEPS}"
        )
    return late[0]
