"""The same seed gives the same rollout: actions, log-probs and values are equal."""

import torch
from torch import Tensor

from ..harness import Bench, BrokenClauseError, difference

HINT = "draw every random number from torch's global generator, and none from the clock or another library"


def probe(bench: Bench) -> str:
    observations = [bench.observations(4) for _ in range(3)]
    first, second = _rollout(bench, observations), _rollout(bench, observations)
    for key, tensor in first.items():
        if difference(tensor, second[key]) != 0.0:
            raise BrokenClauseError(f"{key!r} differs between two rollouts under the seed {bench.seed}")
    return f"two rollouts of {len(observations)} steps under one seed are equal bit for bit"


def _rollout(bench: Bench, observations: list[Tensor]) -> dict[str, Tensor]:
    policy = bench.policy()
    torch.manual_seed(bench.seed + 1)
    steps = [bench.step(policy, observed.clone()) for observed in observations]
    keys = bench.contract.rollout
    named = (keys.actions, keys.act_log_prob, keys.value, keys.full_log_probs)
    return {key: torch.stack([step[key].double() for step in steps]) for key in named if key in steps[0]}
