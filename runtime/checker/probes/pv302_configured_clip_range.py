"""The range that clips is the one of the configuration, given through the constructor."""

from ..harness import Bench, BrokenClauseError, NotApplicableError, clippable_weights, spread_weights

HINT = "take clip_range in the constructor, keep it on the policy, and clip with that value"
NARROW, WIDE = 0.02, 0.2


def probe(bench: Bench) -> str:
    name, bound = bench.contract.clip_method, bench.contract.clip_range
    if not callable(getattr(bench.policy(), name, None)):
        raise NotApplicableError(f"the policy has no {name} (see PV301)")
    if bound in bench.keywords.refused:
        raise BrokenClauseError(f"the constructor refuses {bound}: {bench.keywords.refused[bound]}")
    largest = {value: _largest_after_clipping(bench, value) for value in (NARROW, WIDE)}
    if largest[NARROW] > NARROW * (1 + 1e-6):
        raise BrokenClauseError(
            f"{bound}={NARROW} from the configuration does not bite: the largest weight after {name}() "
            f"is {largest[NARROW]:.3g}"
        )
    if not NARROW < largest[WIDE] <= WIDE * (1 + 1e-6):
        raise BrokenClauseError(
            f"{bound}={WIDE} clips to {largest[WIDE]:.3g}: the bound is not the value of the configuration"
        )
    return f"{bound}={NARROW} clips to {largest[NARROW]:.3g}, {bound}={WIDE} to {largest[WIDE]:.3g}"


def _largest_after_clipping(bench: Bench, clip_range: float) -> float:
    policy = bench.policy(**{bench.contract.clip_range: clip_range})
    spread_weights(policy)
    getattr(policy, bench.contract.clip_method)()
    return max(float(weight.detach().abs().max()) for weight in clippable_weights(policy).values())
