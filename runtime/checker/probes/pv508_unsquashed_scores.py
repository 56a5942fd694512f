"""The scores of the actions are free: no tanh keeps the logits between -1 and 1.

Embeddings of actions that are very loud, and then their negatives, drive a tanh of the scores to 1 and to -1.
The logits then differ by 2 or -2, whatever is added after the tanh; without a tanh, or with a scale after it,
they do not.
"""

import torch

from ..action_tables import action_tables, with_table
from ..harness import Bench, BrokenClauseError

HINT = "squash the query, and multiply it with the action embeddings afterwards"
LOUD, SQUASHED, ROUNDING = 1e6, 4.0, 1e-3


def probe(bench: Bench) -> str:
    policy, observed = bench.policy(), bench.observations(2)
    spreads = {}
    for path, table in action_tables(bench, policy, observed).items():
        loud = LOUD * torch.randn(table.shape, generator=bench.rng)
        one, other = (with_table(bench, policy, observed, table, sign * loud)[0] for sign in (1, -1))
        # Normalisation shifts the log-probs of a row alike: only their differences are those of logits.
        apart = (one - other) - (one - other)[:, :1]
        whole = (apart.abs() <= ROUNDING) | ((apart.abs() - SQUASHED).abs() <= ROUNDING)
        if bool(whole.all()) and bool((apart.abs() > ROUNDING).any()):
            raise BrokenClauseError(
                f"however loud {path} is, it adds 1 to a logit, or takes 1 from it, and nothing between: its "
                "scores are squashed"
            )
        spreads[path] = float(apart.abs().max())
    return ", ".join(f"a loud {path} moves logits apart by {spread:.3g}" for path, spread in spreads.items())
