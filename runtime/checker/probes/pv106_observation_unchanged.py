"""The observation is the environment's own buffer: both modes leave it unchanged, byte for byte."""

from ..harness import Bench, BrokenClauseError

HINT = "work on a copy: `tokens = tokens.clone()` before any in-place write"


def probe(bench: Bench) -> str:
    policy = bench.policy()
    changed = []
    observations = bench.observations(4)
    before = observations.clone()
    bench.step(policy, observations)
    if count := int((observations != before).sum()):
        changed.append(f"rollout changed {count} of {before.numel()} bytes")
    observations = bench.observations(3, 4)
    before = observations.clone()
    bench.train(bench.twin(policy), observations, bench.actions(3, 4))
    if count := int((observations != before).sum()):
        changed.append(f"training changed {count} of {before.numel()} bytes")
    if changed:
        raise BrokenClauseError(f"{bench.contract.observation!r}: " + "; ".join(changed))
    return f"{bench.contract.observation!r} is unchanged byte for byte in rollout and training"
