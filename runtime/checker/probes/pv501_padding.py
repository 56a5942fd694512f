"""Padding does not change the encoding: whatever follows the padding byte, and whatever it stands beside."""

import torch
from torch import Tensor

from ..harness import TOLERANCE, Bench, BrokenClauseError, gap

HINT = "test the coordinate byte for padding before anything overwrites it, and drop padding, write nothing"
BATCH, LOUD, QUIET = 4, 211, 3


def probe(bench: Bench) -> str:
    problems = []
    if (apart := _content_of_padding(bench)) > TOLERANCE:
        problems.append(
            f"attribute and value bytes of padding tokens change the output by {apart:.1e}: "
            "padding is read as tokens"
        )
    full, padded = (_corner_token(bench, padding=padding) for padding in (False, True))
    if padded <= TOLERANCE < full:
        problems.append(
            f"the token (coordinate 0, attribute 0) placed first has no effect beside padding, "
            f"but changes the output by {full:.1e} without: padding overwrites it"
        )
    if problems:
        raise BrokenClauseError("; ".join(problems))
    return "padding content changes nothing; the token (coordinate 0, attribute 0) survives beside padding"


def _content_of_padding(bench: Bench) -> float:
    """Effect of what stands in padding tokens behind the coordinate byte."""
    policy, plain = bench.policy(), bench.observations(BATCH)
    scribbled = plain.clone()
    padding = plain[..., 0] == bench.contract.padding
    features = len(bench.environment.feature_normalizations)
    count = int(padding.sum())
    scribbled[..., 1][padding] = torch.randint(features, (count,), generator=bench.rng).to(torch.uint8)
    scribbled[..., 2][padding] = torch.randint(1, 200, (count,), generator=bench.rng).to(torch.uint8)
    twin = bench.twin(policy)
    return gap(bench.stepped(policy, plain), bench.stepped(twin, scribbled))


def _corner_token(bench: Bench, *, padding: bool) -> float:
    """Effect of the first token's value, for the token (coordinate 0, attribute 0)."""
    policy = bench.policy()
    count = bench.environment.single_observation_space.shape[0]
    rows = bench.observations(BATCH) if padding else bench.observations(BATCH, tokens=(count, count))
    rows = _elsewhere(rows, bench.contract.padding)
    outputs = []
    for value in (LOUD, QUIET):
        tokens = rows.clone()
        tokens[:, 0] = torch.tensor([0, 0, value], dtype=torch.uint8)
        outputs.append(bench.stepped(bench.twin(policy), tokens))
    return gap(outputs[0], outputs[1])


def _elsewhere(tokens: Tensor, padding: int) -> Tensor:
    """The tokens with those at coordinate 0 moved to cell (1, 1), and no value equal to the padding byte."""
    tokens = tokens.clone()
    tokens[..., 0][tokens[..., 0] == 0] = 0x11
    real = tokens[..., 0] != padding
    tokens[..., 2][real & (tokens[..., 2] == padding)] = padding - 1
    return tokens
