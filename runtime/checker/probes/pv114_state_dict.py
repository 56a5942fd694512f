"""A `state_dict` carries all weights: another policy that loads it computes the same, without the memory."""

from dataclasses import replace

import torch

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap

HINT = "register every tensor that the forward needs as a parameter or a buffer"


def probe(bench: Bench) -> str:
    policy, other = bench.policy(), replace(bench, seed=bench.seed + 1).policy()
    observations = bench.observations(4)
    generator = torch.Generator().manual_seed(bench.seed)
    with torch.no_grad():
        for parameter in policy.parameters():
            noise = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
            parameter.add_(0.05 * noise)
    untouched = bench.stepped(bench.policy(), observations)
    saved = policy.state_dict()  # before any forward: no memory to carry
    expected = bench.stepped(policy, observations)
    bench.step(policy, observations.clone())
    late = policy.state_dict()
    if extra := sorted(set(late) ^ set(saved)):
        raise BrokenClauseError(f"a forward changes the keys of the state_dict: {', '.join(extra)}")
    try:
        other.load_state_dict(late, strict=True)
    except RuntimeError as error:
        raise BrokenClauseError(f"a policy of the same class cannot load it: {error}") from None
    loaded = bench.stepped(other, observations)
    if gap(untouched, expected) <= TOLERANCE:
        raise BrokenClauseError(
            "other weights give the same outputs: the forward does not use the parameters"
        )
    if (apart := gap(loaded, expected)) > TOLERANCE:
        raise BrokenClauseError(f"after loading it the first step differs by {apart:.1e}")
    return f"{len(saved)} entries; a policy that loads them computes the same first step"
