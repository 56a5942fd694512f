"""Training evaluates the actions that it is given: their log-prob is the entry of all log-probs."""

import torch

from ..harness import TOLERANCE, Bench, BrokenClauseError, NotApplicableError, difference

HINT = "gather act_log_prob from log_softmax(logits) at the joint index of `action`, never from new samples"


def probe(bench: Bench) -> str:
    batch, steps = 3, 4
    reachable = bench.reachable_actions()
    if len(reachable) < 2:
        raise NotApplicableError("fewer than two actions have a logit (see PV510)")
    policy, observations = bench.policy(), bench.observations(batch, steps)
    choice = torch.randint(len(reachable), (batch, steps), generator=bench.rng)
    given, others = reachable[choice], reachable[(choice + 1) % len(reachable)]
    read = []
    for actions in (given, others):
        twin = bench.twin(policy)
        torch.manual_seed(bench.seed)
        read.append(bench.training_outputs(bench.train(twin, observations.clone(), actions), batch, steps))
    first, second = read
    if difference(first.act_log_prob, second.act_log_prob) == 0.0:
        raise BrokenClauseError(
            "act_log_prob is the same for two different sets of given actions: they are ignored"
        )
    to_index = getattr(policy, bench.contract.to_index, None)
    index = to_index(given.reshape(-1, 2)) if callable(to_index) else choice.reshape(-1)
    width = first.full_log_probs.shape[-1]
    gathered = first.full_log_probs.reshape(-1, width).gather(1, index.reshape(-1, 1).long())
    apart = difference(first.act_log_prob, gathered.reshape(batch, steps))
    if apart > TOLERANCE:
        raise BrokenClauseError(
            f"act_log_prob differs by {apart:.1e} from the given actions' entries of full_log_probs"
        )
    return f"act_log_prob is the given actions' entry of full_log_probs (largest difference {apart:.1e})"
