"""What a copy carries: the weights, and no state of the rollout that the original is in.

`copy.deepcopy` asks the same of a module as pickling does, and needs no importable class. The copy's first
step equals a new policy's, and it takes another batch size.
"""

import copy

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap

HINT = "leave the recurrent state out of what __getstate__ returns"
BATCH, OTHER = 4, 3


def probe(bench: Bench) -> str:
    bench.need_recurrent_policy(bench.policy())
    bench.need_carried_state()
    policy = bench.policy()
    fresh = bench.twin(policy)
    for _ in range(2):
        bench.step(policy, bench.observations(BATCH))
    try:
        same_size, other_size = copy.deepcopy(policy), copy.deepcopy(policy)
    except Exception as error:
        raise BrokenClauseError(f"the policy cannot be copied in a rollout: {error}") from error
    observed = bench.observations(BATCH)
    copied = bench.stepped(same_size, observed)
    apart = gap(copied, bench.stepped(fresh, observed))
    if apart > TOLERANCE:
        raise BrokenClauseError(
            f"the first step of a copy differs by {apart:.1e} from a new policy's: "
            "it goes on in the middle of somebody's episode"
        )
    try:
        bench.step(other_size, bench.observations(OTHER))
    except Exception as error:
        raise BrokenClauseError(f"a copy does not take another batch size: {error}") from error
    return f"a copy made in a rollout starts afresh, with {BATCH} rows and with {OTHER}"
