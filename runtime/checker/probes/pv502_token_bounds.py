"""A token outside the box lands in none of its cells, and does not raise.

Each row holds one token of interest and one that stays. A token outside that gives bit for bit what one token
inside gives, and no other, was read as that one: the flat index of a box runs on into the next row or layer.
One that is moved to the nearest edge was clamped, which is a bound; what counts in its own way has a place.
"""

import torch
from torch import Tensor

from ..harness import Bench, BrokenClauseError, NotApplicableError

HINT = "compare x, y and the feature with the sizes of the box, and leave out the tokens that are not inside"
LOUD = 97

Token = tuple[int, int, int]  # x, y, feature


def probe(bench: Bench) -> str:
    environment = bench.environment
    width, height = environment.obs_width, environment.obs_height
    features = len(environment.feature_normalizations)
    x, y, feature = 4, 3, 5  # nothing special about this one; every neighbour of it is inside
    outside = {
        "x": (width, y, feature),
        "y": (x, height, feature),
        "feature": (x, y, features),
    }
    # The nearest place inside, and where the next row, column or layer of a flat box begins.
    inside = {
        "x": [(width - 1, y, feature), (0, y + 1, feature), (0, y, feature + 1)],
        "y": [(x, height - 1, feature), (x + 1, 0, feature), (x, 0, feature + 1)],
        "feature": [(x, y, features - 1), (x, y + 1, 0), (x + 1, y, 0)],
    }
    policy = bench.policy()
    background = bench.observations(1, tokens=(0, 0))
    background[:, 1] = torch.tensor([7 << 4 | 7, 12, LOUD])

    def outputs(tokens: list[Token | None]) -> Tensor:
        """Value and log-probs [N, 1 + A] of a first step, one row for each token; None is padding."""
        rows = background.repeat(len(tokens), 1, 1)
        for row, token in zip(rows, tokens, strict=True):
            if token is not None:
                row[0] = torch.tensor([token[0] << 4 | token[1], token[2], LOUD])
        found = bench.stepped(bench.copy(policy), rows)
        return torch.cat([found.value.unsqueeze(1), found.full_log_probs], 1)

    known: list[Token | None] = [None, *(place for places in inside.values() for place in places)]
    nothing, *others = outputs(known)
    if all(torch.equal(other, nothing) for other in others):
        raise NotApplicableError("a single token changes no output")
    problems, told = [], []
    for part, token in outside.items():
        try:
            found = outputs([token, *known])
        except (IndexError, RuntimeError) as error:
            problems.append(f"a token with {_said(token)} raises {type(error).__name__}: {error}")
            continue
        except (ValueError, AssertionError) as error:
            told.append(f"{_said(token)} is refused: {error}")
            continue
        same = [place for place, row in zip(known, found[1:], strict=True) if torch.equal(row, found[0])]
        match same:
            case [(_, _, _) as place] if place != inside[part][0]:
                problems.append(f"a token with {_said(token)} is read as {_said(place)}")
            case [None, *_]:
                told.append(f"{_said(token)} is left out")
            case _:
                told.append(f"{_said(token)} has its own place, or the nearest inside")
    if problems:
        raise BrokenClauseError("; ".join(problems))
    return "; ".join(told)


def _said(token: Token) -> str:
    x, y, feature = token
    return f"x {x}, y {y}, feature {feature}"
