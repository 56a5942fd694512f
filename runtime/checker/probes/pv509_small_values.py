"""Values below their normalisation change the output: no division in integers made them 0.

Each row holds the tokens of one feature, all of one value. A quotient that is kept as an integer is the same
for the values 1 and n - 1, n the divisor, and another for n. The divisors tried are the environment's
normalisations, and the 255 of a byte; a net that sorts values into bins of its own is left alone.
"""

import torch
from torch import Tensor

from ..harness import Bench, BrokenClauseError, NotApplicableError

HINT = "divide floats: `tokens = tokens.float()` before a quotient is written back into the tensor"
LOUDEST = 255


def probe(bench: Bench) -> str:
    policy = bench.policy()
    normalisations = torch.tensor(list(bench.environment.feature_normalizations.values())).long()
    tokens = bench.observations(len(normalisations))
    tokens[..., 1] = torch.arange(len(normalisations)).unsqueeze(1)
    padding = tokens[..., 0] == bench.contract.padding

    def outputs(values: Tensor) -> Tensor:
        """Value and log-probs [F, 1 + A] of a first step, the values [F] by feature."""
        rows = tokens.clone()
        rows[..., 2] = values.unsqueeze(1)
        rows[padding] = bench.contract.padding
        found = bench.stepped(bench.copy(policy), rows)
        return torch.cat([found.value.unsqueeze(1), found.full_log_probs], 1)

    ones = torch.ones_like(normalisations)
    quiet, loudest = outputs(ones), outputs(LOUDEST * ones)
    read = _differ(quiet, loudest) & (normalisations > 2)
    if not bool(read.any()):
        raise NotApplicableError("the values of tokens change no output")
    told = {}
    for what, divisor in (("its normalisation", normalisations), ("the 255 of a byte", LOUDEST * ones)):
        below, at = outputs(divisor - 1), outputs(divisor)
        told[what] = int((read & _differ(quiet, below)).sum())
        if bool((~_differ(quiet, below) & _differ(below, at))[read].all()):
            feature = int(read.nonzero()[0])
            whole = int(divisor[feature])
            raise BrokenClauseError(
                f"values below {what} are lost in {int(read.sum())} features, which change the output "
                f"at that value only: in feature {feature}, {whole - 1} is bit for bit the same as 1, and "
                f"{whole} is not"
            )
    counts = " and ".join(f"below {what} in {count}" for what, count in told.items())
    return f"of {int(read.sum())} features, values change the output {counts}"


def _differ(one: Tensor, other: Tensor) -> Tensor:
    """Boolean [F]: the rows that are not equal, bit for bit."""
    return (one != other).any(1)
