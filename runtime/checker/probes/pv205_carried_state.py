"""The state is carried: the second identical observation gives another output than the first."""

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap

HINT = "store the new state (detached) after every rollout step and start the next one from it"


def probe(bench: Bench) -> str:
    policy, observed = bench.policy(), bench.observations(4)
    bench.need_recurrent_policy(policy)
    first, second = (bench.stepped(policy, observed) for _ in range(2))
    apart = gap(first, second)
    if apart <= TOLERANCE:
        raise BrokenClauseError(
            f"the same observation twice gives the same output (difference {apart:.1e}): "
            "every step starts from the zero state"
        )
    return f"the same observation twice differs by {apart:.1e}"
