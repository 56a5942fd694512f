"""A convolution over a box of tokens, without the box.

A box is nearly empty: a row has tens of tokens, and thousands of places. What a token adds to an output that
it reaches is its value times a row of the weights, so on CPUs the outputs are sums of such rows, and the
gradient of a row of the weights is a sum of outputs' gradients. Both take a small part of the time of box
and convolution.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .at_hand import sums_rows
from .tokens import TokenBox, _check_tokens, _offsets, longest_row

# With fewer the box is filled sooner than the pairs are listed.
_FEWEST_ROWS = 16
# Rows of observations that are looked at together: intermediate tensors stay small beside those of the net.
_ROWS = 512
# Outputs whose gradients are summed together.
_OUTPUTS = 4608

# A token's bytes: its coordinate and feature as one number, and its value.
_TOKEN = np.dtype([("key", "<u2"), ("value", "u1")])
_Integers = npt.NDArray[np.int64]


def convolve_tokens(box: TokenBox, convolution: nn.Conv2d, observations: Tensor, scale: Tensor) -> Tensor:
    """`convolution(box(observations, scale))`, by sums over tokens where that is the faster way.

    It is on the CPU, without autocast and compiler, for a box of a sound mode. There the result can be
    differentiated once.

    `convolution` has no padding, dilation or groups. Takes tokens uint8 `[N, M, 3]` and `scale` float `[C]`;
    gives float `[N, channels, W', H']`, channels last in memory where it is made by sums. Raises what
    `TokenBox.forward` raises.
    """
    geometry = None
    if _sums(box, convolution, observations):
        size = (box.num_features, box.width, box.height)
        geometry = _geometry(
            size, box.mode.global_tokens_at_centre, convolution.kernel_size, convolution.stride
        )
    if geometry is None:
        dense: Tensor = convolution(box(observations, scale))
        return dense
    _check_tokens(observations)
    pairs = _Pairs(geometry, observations)
    # One row for each place in the kernel, features outermost; values are divided by dividing it.
    table = (convolution.weight.flatten(2) / scale.unsqueeze(1)).flatten(1).t().contiguous()
    # The way past autograd is the shorter one.
    out: Tensor = (_SumOfRows.apply if torch.is_grad_enabled() else _SumOfRows.forward)(table, pairs)
    if convolution.bias is not None:
        out = out.add_(convolution.bias)
    return out.view(observations.shape[0], *geometry.outputs, -1).permute(0, 3, 1, 2)


def _sums(box: TokenBox, convolution: nn.Conv2d, observations: Tensor) -> bool:
    mode = box.mode
    return (
        sums_rows(observations, convolution.weight)
        and len(observations) >= _FEWEST_ROWS
        and mode.padding_leaves_cells
        and mode.tokens_stay_inside
        and mode.no_warning_in_forward
    )


class _Geometry(NamedTuple):
    """What does not depend on the tokens, for a box of P places and a convolution of S outputs.

    - `outputs`: their numbers along the sides of the box;
    - `places` int64 `[65536]`: the place of a token, by the number that its coordinate and feature make; P
      where it has none;

    and int32:

    - `reach` `[P + 1]`: the outputs that a token at place `(x * height + y) * features + feature` reaches, as
      bits; none at the last, which is no place; `bits` `[S, 1]`: the bit of each output;
    - `row_of_place` `[P + 1]` less `row_of_output` `[S, 1]`: 256 times the row of the table for a token at a
      place and an output that it reaches.
    """

    outputs: tuple[int, int]
    places: Tensor
    reach: Tensor
    bits: Tensor
    row_of_place: Tensor
    row_of_output: Tensor


@functools.cache
def _geometry(
    size: tuple[int, int, int], global_at_centre: bool, kernel: tuple[int, int], stride: tuple[int, int]
) -> _Geometry | None:
    """Of a box of `size` (features, width, height). None where there are more outputs than bits."""
    features, width, height = size

    def along(side: int, dimension: int) -> tuple[_Integers, npt.NDArray[np.bool_]]:
        """Where the outputs begin `[outputs]`, and which of them a cell reaches `[side, outputs]`."""
        size, step = kernel[dimension], stride[dimension]
        begin = np.arange(0, side - size + 1, step)
        tap = np.arange(side)[:, None] - begin
        return begin, (tap >= 0) & (tap < size)

    def tensor(values: _Integers) -> Tensor:
        return torch.from_numpy(values.astype(np.int32))

    (begin_x, across), (begin_y, down) = along(width, 0), along(height, 1)
    both = (across[:, None, :, None] & down[None, :, None, :]).reshape(width * height, -1)
    if both.shape[1] > 31:
        return None
    bits = 1 << np.arange(both.shape[1])
    reach = (both * bits).sum(axis=1).repeat(features)
    x, y, feature = np.indices((width, height, features)).reshape(3, -1)
    row = (feature * kernel[0] + x) * kernel[1] + y
    row_of_output = (begin_x[:, None] * kernel[1] + begin_y).flatten()
    cell, layer = _offsets(features, width, height, global_at_centre)
    return _Geometry(
        (len(begin_x), len(begin_y)),
        (layer.unsqueeze(1) + cell).flatten().clamp_(max=features * width * height),
        F.pad(tensor(reach), (0, 1)),
        tensor(bits).unsqueeze(1),
        F.pad(tensor(256 * row), (0, 1)),
        tensor(256 * row_of_output).unsqueeze(1),
    )


class _Pairs:
    """The pairs of a token and an output that it reaches, ordered by output.

    For P pairs and `N*S` outputs: `values` float32 `[P]` of the tokens, `rows` int32 `[P]`, the row of the
    table for the token's place in the kernel of that output, and integers `counts` `[N*S]`, the pairs of each
    output.
    """

    def __init__(self, geometry: _Geometry, observations: Tensor) -> None:
        # On the CPU alone, where to read what is at hand waits for nothing.
        every = np.ascontiguousarray(observations.numpy()).view(_TOKEN)[..., 0]
        tokens = every[:, : longest_row(observations)]
        parts = [_pairs(geometry, tokens[row : row + _ROWS]) for row in range(0, len(tokens), _ROWS)]
        counts, picked = zip(*parts, strict=True)
        self.counts = np.concatenate(counts) if len(counts) > 1 else counts[0]
        together = torch.cat(picked) if len(picked) > 1 else picked[0]
        self.rows, self.values = together >> 8, (together & 255).float()

    def transposed(self, rows: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Ordered by the row of a table of `rows` rows: values, outputs, where rows begin.

        In parts whose outputs' gradients stay in the cache while they are read in the order of the rows.
        """
        first = 0
        for output in range(0, self.counts.size, _OUTPUTS):
            counts = self.counts[output : output + _OUTPUTS]
            last = first + int(counts.sum())
            by_row, values = self.rows[first:last].numpy(), self.values[first:last]
            # Radix sort, which numpy has for 16 bits.
            order = by_row.astype(np.int16 if rows < 1 << 15 else np.int32).argsort(kind="stable")
            outputs = np.arange(output, output + counts.size, dtype=np.int32).repeat(counts)
            begin = _begin(np.bincount(by_row, minlength=rows))
            yield values.index_select(0, torch.from_numpy(order)), torch.from_numpy(outputs[order]), begin
            first = last


def _pairs(geometry: _Geometry, tokens: npt.NDArray[np.void]) -> tuple[_Integers, Tensor]:
    """The number of pairs of each output, and of each pair 256 times the row of the table plus the value.

    `tokens` `[N, K]` of `_TOKEN`.
    """
    count, kept = tokens.shape
    _, places_of_keys, reach, bits, row_of_place, row_of_output = geometry
    keys = torch.from_numpy(tokens["key"].astype(np.int32).ravel())
    flat = places_of_keys.index_select(0, keys)
    places = flat.view(count, kept)
    # Of several tokens at one place the last counts: it is the one that is left to own it.
    number = torch.uint8 if kept <= 256 else torch.int32
    order = torch.arange(kept, dtype=number, device=places.device).expand(count, kept)
    owner = order.new_empty(count, len(row_of_place)).scatter_(1, places, order)
    owned = owner.gather(1, places) == order

    reached = (reach.index_select(0, flat).view(count, kept).mul_(owned).unsqueeze(1) & bits).bool().numpy()
    counts = np.add.reduce(reached.view(np.uint8), axis=-1, dtype=np.uint8 if kept < 256 else np.int64)
    rows = row_of_place.index_select(0, flat).view(count, kept).add_(torch.from_numpy(tokens["value"]))
    pairs = torch.from_numpy(np.flatnonzero(reached))
    return counts.ravel(), (rows.unsqueeze(1) - row_of_output).view(-1).index_select(0, pairs)


def _begin(counts: _Integers) -> Tensor:
    """Int32: where each of consecutive groups of these sizes begins."""
    begin = counts.cumsum(dtype=np.int32)
    begin -= counts
    return torch.from_numpy(begin)


class _SumOfRows(torch.autograd.Function):
    """Each output `[N*S, channels]` as the sum of its pairs' values times their rows of a table."""

    @staticmethod
    def forward(table: Tensor, pairs: _Pairs) -> Tensor:
        return F.embedding_bag(
            pairs.rows, table, _begin(pairs.counts), per_sample_weights=pairs.values, mode="sum"
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Pairs], output: Tensor) -> None:
        table, ctx.pairs = inputs
        ctx.rows = table.shape[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        gradient, of_table = gradient.contiguous(), gradient.new_zeros(ctx.rows, gradient.shape[1])
        for values, outputs, begin in ctx.pairs.transposed(ctx.rows):
            of_table += F.embedding_bag(outputs, gradient, begin, per_sample_weights=values, mode="sum")
        return of_table, None
