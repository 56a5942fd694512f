"""What a policy needs to know of an environment, asked in one place."""

from typing import Any

from torch import Tensor

from ..nets.tokens import normalisation_vector

# What the reference assumes where an environment does not describe its features.
_NUM_FEATURES = 25


def box_size(env: Any) -> tuple[int, int]:
    """Width (x) and height (y) of the observed window, in cells."""
    return int(env.obs_width), int(env.obs_height)


def normalisations(env: Any, size: int | None = None) -> Tensor:
    """Float32 `[size]`: the divisor of each feature id, 1 where the environment gives none.

    Without `size`: as many as there are feature ids, 25 for an environment that lists none.
    """
    given = getattr(env, "feature_normalizations", None) or {}
    known = {int(id_): float(normalisation) for id_, normalisation in given.items()}
    if size is None:
        size = max(known) + 1 if known else _NUM_FEATURES
    return normalisation_vector({id_: value for id_, value in known.items() if value > 0}, size)


def choices_per_dimension(env: Any) -> list[int]:
    """The number of choices of each action dimension: (types, arguments), or (n,) of a Discrete space."""
    space = env.single_action_space
    nvec = getattr(space, "nvec", None)
    return [int(space.n)] if nvec is None else [int(choices) for choices in nvec]


def action_names(env: Any) -> list[str]:
    """Every joint action as "name_argument", in joint order; empty where the environment does not say which.

    Types without a name are called by their number.
    """
    maxima = getattr(env, "max_action_args", None)
    if not hasattr(env.single_action_space, "nvec"):
        maxima = [0] * int(env.single_action_space.n)
    if maxima is None:
        return []
    names = getattr(env, "action_names", None) or [f"action{kind}" for kind in range(len(maxima))]
    return [
        f"{name}_{argument}"
        for name, maximum in zip(names, maxima, strict=True)
        for argument in range(int(maximum) + 1)
    ]


def after_convolutions(width: int, height: int) -> int:
    """The cells that are left of a window after a kernel of 5 with stride 3 and one of 3.

    Raises ValueError for a window of less than 11 x 11 cells, of which nothing is left.
    """
    if min(width, height) < 11:
        raise ValueError(f"the convolutions need a window of at least 11 x 11 cells, got {width} x {height}")
    return ((width - 5) // 3 - 1) * ((height - 5) // 3 - 1)
