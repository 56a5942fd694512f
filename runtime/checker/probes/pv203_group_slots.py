"""Each environment group has its own state: two groups interleaved equal two policies run apart."""

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap

HINT = "keep one state per environment group, keyed by the first row's environment id"
BATCH = 3


def probe(bench: Bench) -> str:
    policy = bench.policy()
    bench.need_recurrent_policy(policy)
    bench.need_carried_state()
    groups = (0, BATCH)
    apart = {group: bench.twin(policy) for group in groups}
    worst = 0.0
    for step in range(4):
        for group in groups:
            observed = bench.observations(BATCH)
            mixed = bench.stepped(policy, observed, group=group)
            alone = bench.stepped(apart[group], observed, group=group)
            worst = max(worst, gap(mixed, alone))
            if worst > TOLERANCE:
                raise BrokenClauseError(
                    f"step {step} of the group {group} differs by {worst:.1e} from the same group run alone: "
                    "the groups share a state"
                )
    return f"groups {groups[0]} and {groups[1]} interleaved equal each run alone (within {worst:.1e})"
