"""Numbers with units in their names. Nothing here knows about a particular environment."""

import math

import torch

BYTE_MAX = 0xFF
NIBBLE_BITS = 4
NIBBLE_MASK = 0x0F


def coord_byte_to_row_col_cells(coord_bytes):
    """High nibble: row, low nibble: column, both in cells."""
    return coord_bytes >> NIBBLE_BITS, coord_bytes & NIBBLE_MASK


def steps_to_halflife_decay(halflife_steps: float) -> float:
    return math.exp(math.log(0.5) / halflife_steps)


def joint_action_table(max_args_per_type):
    pairs = [(kind, arg) for kind, max_arg in enumerate(max_args_per_type) for arg in range(max_arg + 1)]
    return torch.tensor(pairs, dtype=torch.int32)


def first_index_per_type(max_args_per_type):
    """Index of (type, 0) for each type: the number of joint actions before it."""
    counts = torch.tensor([max_arg + 1 for max_arg in max_args_per_type], dtype=torch.int64)
    return torch.cumsum(counts, dim=0) - counts
