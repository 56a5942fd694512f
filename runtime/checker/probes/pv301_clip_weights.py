"""After clipping every Linear and Conv weight lies inside the range; a range of 0 changes nothing."""

import torch

from ..harness import Bench, BrokenClauseError, clippable_weights, spread_weights

HINT = "clamp the weights of every Linear and Conv layer to ±clip_range, in place, under no_grad"
RANGE = 0.05


def probe(bench: Bench) -> str:
    name, bound = bench.contract.clip_method, bench.contract.clip_range
    policy = bench.policy_with_clip_range(RANGE)
    clip = getattr(policy, name, None)
    if not callable(clip):
        raise BrokenClauseError(f"the policy has no {name}")
    spread_weights(policy)
    clip()
    weights = clippable_weights(policy)
    outside = [
        path for path, weight in weights.items() if float(weight.detach().abs().max()) > RANGE * (1 + 1e-6)
    ]
    if outside:
        raise BrokenClauseError(
            f"after {name}() with {bound}={RANGE}, {len(outside)} of {len(weights)} weights lie outside: "
            + ", ".join(outside)
        )
    off = bench.policy_with_clip_range(0.0)
    spread_weights(off)
    before = {path: tensor.clone() for path, tensor in off.state_dict().items()}
    getattr(off, name)()
    changed = [path for path, tensor in off.state_dict().items() if not _equal(tensor, before[path])]
    if changed:
        raise BrokenClauseError(f"{name}() with {bound}=0 changes {', '.join(changed)}")
    return f"{len(weights)} Linear and Conv weights lie inside ±{RANGE}; {bound}=0 changes nothing"


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(torch.equal(one, other))
