"""A row's output does not depend on the rows beside it: their values do not decide the scale of the input."""

import torch
from torch import Tensor

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap, rows

HINT = "scale by constants or by the environment's normalisation, not by what the batch happens to hold"
BATCH = 4


def probe(bench: Bench) -> str:
    policy = bench.policy()
    beside_quiet, beside_loud = bench.twin(policy), bench.twin(policy)
    quiet = _valued(bench.observations(BATCH), bench.contract.padding, 1)
    loud = _valued(quiet.clone(), bench.contract.padding, 200)
    loud[0] = quiet[0]
    one = rows(bench.stepped(beside_quiet, quiet), slice(0, 1))
    other = rows(bench.stepped(beside_loud, loud), slice(0, 1))
    if (apart := gap(one, other)) > TOLERANCE:
        raise BrokenClauseError(f"louder rows in the batch change the output of a row by {apart:.1e}")
    return f"a row's output is the same beside rows with values of 1 and of 200 ({BATCH} rows)"


def _valued(tokens: Tensor, padding: int, value: int) -> Tensor:
    """The tokens [B, M, 3] with that value in every one, and zeros in padding behind the coordinate byte."""
    real = tokens[..., 0] != padding
    tokens[..., 1] = torch.where(real, tokens[..., 1], 0)
    tokens[..., 2] = torch.where(real, value, 0).to(tokens.dtype)
    return tokens
