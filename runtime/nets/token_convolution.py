"""A convolution over a box of tokens, without the box.

A box is nearly empty: a row has tens of tokens, and thousands of places. What a token adds to an output that
it reaches is its value times a row of the weights, so on CPUs the outputs are sums of such rows, and the
gradient of a row of the weights is a sum of outputs' gradients. Both take a small part of the time of box
and convolution.
"""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .tokens import PADDING, TokenBox, _check_tokens

# The outputs that a token reaches are the bits of a number.
_MOST_OUTPUTS = 31

_Integers = npt.NDArray[np.int64]


def convolve_tokens(box: TokenBox, convolution: nn.Conv2d, observations: Tensor, scale: Tensor) -> Tensor:
    """`convolution(box(observations, scale))`, by sums over tokens where that is the faster way.

    It is on the CPU, without autocast and compiler, for a box of a sound mode. There the result can be
    differentiated once.

    `convolution` has no padding, dilation or groups. Takes tokens uint8 `[N, M, 3]` and `scale` float `[C]`;
    gives float `[N, channels, W', H']`, channels last in memory where it is made by sums. Raises what
    `TokenBox.forward` raises.
    """
    if not _sums(box, convolution, observations):
        dense: Tensor = convolution(box(observations, scale))
        return dense
    _check_tokens(observations)
    width, height = (_outputs(box, convolution, dimension) for dimension in (0, 1))
    pairs = _Pairs(box, convolution, observations)
    # One row for each place in the kernel, features outermost; values are divided by dividing it.
    table = (convolution.weight.flatten(2) / scale.unsqueeze(1)).flatten(1).t().contiguous()
    out: Tensor = _SumOfRows.apply(table, pairs)  # type: ignore[no-untyped-call]
    if convolution.bias is not None:
        out = out.add_(convolution.bias)
    return out.view(observations.shape[0], width, height, -1).permute(0, 3, 1, 2)


def _sums(box: TokenBox, convolution: nn.Conv2d, observations: Tensor) -> bool:
    return (
        observations.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and convolution.weight.dtype == torch.float32
        and _outputs(box, convolution, 0) * _outputs(box, convolution, 1) <= _MOST_OUTPUTS
        and box.mode.padding_leaves_cells
        and box.mode.tokens_stay_inside
        and box.mode.no_warning_in_forward
    )


def _outputs(box: TokenBox, convolution: nn.Conv2d, dimension: int) -> int:
    """How many outputs a convolution has along a side of a box."""
    side = (box.width, box.height)[dimension]
    return (side - convolution.kernel_size[dimension]) // convolution.stride[dimension] + 1


class _Pairs:
    """The pairs of a token and an output that it reaches, ordered by output.

    For P pairs and `N*S` outputs: `values` float32 `[P]` of the tokens, `rows` int32 `[P]`, the row of the
    table for the token's place in the kernel of that output, and integers `counts` `[N*S]`, the pairs of each
    output.
    """

    def __init__(self, box: TokenBox, convolution: nn.Conv2d, observations: Tensor) -> None:
        # On the CPU the bytes are in this process's memory: to read them, by numpy, waits for nothing.
        used = observations.numpy()[:, :, 0].min(axis=0, initial=PADDING) != PADDING
        kept = int(used.nonzero()[0].max(initial=0)) + 1
        count = observations.shape[0]
        byte, feature, value = observations[:, :kept].int().flatten(0, 1).unbind(-1)

        cells, layers = box.offsets.unbind()
        nowhere = box.width * box.height * box.num_features
        places = cells.index_select(0, byte) + layers.index_select(0, feature)
        places = places.clamp_(max=nowhere).view(count, kept)
        # Of several tokens at one place the last counts: it is the one that is left to own it.
        order = torch.arange(kept, dtype=torch.uint8 if kept <= 256 else torch.int32).expand(count, kept)
        owner = order.new_empty(count, nowhere + 1).scatter_(1, places, order)
        places = torch.where(owner.gather(1, places) == order, places, nowhere).flatten()

        reach, bits, row_of_place, row_of_output = _geometry(
            box.num_features, box.width, box.height, convolution.kernel_size, convolution.stride
        )
        reached = (reach.index_select(0, places).view(count, 1, kept) & bits).bool().numpy()
        most = np.uint8 if kept < 256 else np.int64
        self.counts = np.add.reduce(reached.view(np.uint8), axis=-1, dtype=most).ravel()
        # Row and value of a token in one number, to be picked at once.
        tokens = row_of_place.index_select(0, places).mul_(256).add_(value).view(count, 1, kept)
        picked = (tokens - row_of_output).view(-1).index_select(0, torch.from_numpy(np.flatnonzero(reached)))
        self.rows, self.values = picked >> 8, (picked & 255).float()

    def transposed(self, rows: int) -> tuple[Tensor, Tensor, Tensor]:
        """Ordered by the row of a table of `rows` rows: values `[P]`, outputs `[P]`, where rows begin."""
        by_row = self.rows.numpy()
        # Radix sort, which numpy has for 16 bits.
        order = torch.from_numpy(
            by_row.astype(np.int16 if rows < 1 << 15 else np.int32).argsort(kind="stable")
        )
        outputs = torch.from_numpy(np.arange(self.counts.size).repeat(self.counts))
        begin = _begin(np.bincount(by_row, minlength=rows))
        return self.values.index_select(0, order), outputs.index_select(0, order), begin


def _begin(counts: _Integers) -> Tensor:
    """Where each of consecutive groups of these sizes begins."""
    return torch.from_numpy(counts.cumsum(dtype=np.int64) - counts)


class _SumOfRows(torch.autograd.Function):
    """Each output `[N*S, channels]` as the sum of its pairs' values times their rows of a table."""

    @staticmethod
    def forward(table: Tensor, pairs: _Pairs) -> Tensor:
        return F.embedding_bag(
            pairs.rows, table, _begin(pairs.counts).int(), per_sample_weights=pairs.values, mode="sum"
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Pairs], output: Tensor) -> None:
        table, ctx.pairs = inputs
        ctx.rows = table.shape[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        values, outputs, begin = ctx.pairs.transposed(ctx.rows)
        summed = F.embedding_bag(outputs, gradient.contiguous(), begin, per_sample_weights=values, mode="sum")
        return summed, None


@functools.cache
def _geometry(
    features: int, width: int, height: int, kernel: tuple[int, int], stride: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What does not depend on the tokens.

    For each place `(x * height + y) * features + feature` of the box, and one more for no place, the outputs
    that it reaches, as bits; the bit of each output `[S, 1]`; for each place a row of the table, from which
    256ths of that of the output `[S, 1]` are to be subtracted. All int32.
    """

    def along(side: int, dimension: int) -> tuple[_Integers, npt.NDArray[np.bool_]]:
        """Where the outputs begin `[outputs]`, and which of them a cell reaches `[side, outputs]`."""
        size, step = kernel[dimension], stride[dimension]
        begin = np.arange(0, side - size + 1, step)
        tap = np.arange(side)[:, None] - begin
        return begin, (tap >= 0) & (tap < size)

    (begin_x, across), (begin_y, down) = along(width, 0), along(height, 1)
    both = (across[:, None, :, None] & down[None, :, None, :]).reshape(width * height, -1)
    bits = 1 << np.arange(both.shape[1])
    x, y, feature = np.indices((width, height, features)).reshape(3, -1)
    row = (feature * kernel[0] + x) * kernel[1] + y
    row_of_output = (begin_x[:, None] * kernel[1] + begin_y).flatten()

    def tensor(values: _Integers) -> Tensor:
        return torch.from_numpy(values.astype(np.int32))

    reach = (both * bits).sum(axis=1).repeat(features)
    return (
        F.pad(tensor(reach), (0, 1)),
        tensor(bits).unsqueeze(1),
        F.pad(tensor(row), (0, 1)),
        tensor(256 * row_of_output).unsqueeze(1),
    )
