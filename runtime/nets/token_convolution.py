"""A convolution over a box of tokens, without the box.

A box is nearly empty: a row has tens of tokens, and thousands of places. What one token adds to the output
of a convolution is its value times a row of a table that depends on the weights alone, so without a gradient
the output is a sum of table rows. On CPUs that takes half the time of box and convolution. Its gradient would
take longer than theirs.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .tokens import PADDING, TokenBox

# Tables beyond this are slower to read than the box is to convolve.
_LARGEST_TABLE = 16 << 20


class TokenConvolution(nn.Module):
    """`convolution(box(observations, scale))`, by a sum of table rows where that is the faster way.

    It is on the CPU, without gradient, autocast and compiler, for a box of a sound mode. The table is made
    again when the weights have changed. It is no part of the `state_dict`, of copies or of pickles.
    """

    def __init__(self) -> None:
        super().__init__()
        self._weight: Any = None  # the weights of the table, numpy float32
        self._table: Tensor | None = None

    def forward(self, box: TokenBox, convolution: nn.Conv2d, observations: Tensor, scale: Tensor) -> Tensor:
        """Float `[N, channels, W', H']` of tokens uint8 `[N, M, 3]`; see `TokenBox.forward`.

        `convolution` has no padding, dilation or groups.
        """
        if not self._is_sparse(box, convolution, observations):
            out: Tensor = convolution(box(observations, scale))
            return out
        return self._sum(box, convolution, observations, scale)

    def _is_sparse(self, box: TokenBox, convolution: nn.Conv2d, observations: Tensor) -> bool:
        weight = convolution.weight
        cells = box.width * box.height * box.num_features
        outputs = _outputs(box.width, convolution, 0) * _outputs(box.height, convolution, 1)
        return (
            observations.device.type == "cpu"
            and not torch.compiler.is_compiling()
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and weight.dtype == torch.float32
            and cells * outputs * weight.shape[0] <= _LARGEST_TABLE
            and box.mode.padding_leaves_cells
            and box.mode.tokens_stay_inside
            and box.mode.no_warning_in_forward
        )

    def _sum(self, box: TokenBox, convolution: nn.Conv2d, observations: Tensor, scale: Tensor) -> Tensor:
        table = self._up_to_date(box, convolution)
        nowhere, rows = table.shape[0] - 1, observations.shape[0]
        # On the CPU the bytes are in this process's memory: reading them waits for nothing.
        used = (observations[..., 0] != PADDING).any(dim=0).numpy()
        kept = int(used.nonzero()[0].max(initial=0)) + 1
        byte, feature, value = observations[:, :kept].int().flatten(0, 1).unbind(-1)
        cells, layers = box.offsets.unbind()
        places = cells.index_select(0, byte) + layers.index_select(0, feature)
        places = places.clamp_(max=nowhere).view(rows, kept)
        factors = F.pad(scale, (0, 256 - box.num_features), value=1.0).index_select(0, feature)
        values = (value / factors).view(rows, kept)
        # Of several tokens at one place the last counts: it is the one that is left to own it.
        order = torch.arange(kept, dtype=torch.uint8 if kept <= 256 else torch.int32).expand(rows, kept)
        owner = order.new_empty(rows, nowhere + 1).scatter_(1, places, order)
        places = torch.where(owner.gather(1, places) == order, places, nowhere)
        out = F.embedding_bag(places, table, per_sample_weights=values, mode="sum")
        width, height = _outputs(box.width, convolution, 0), _outputs(box.height, convolution, 1)
        out = out.view(rows, width, height, -1).permute(0, 3, 1, 2)
        return out if convolution.bias is None else out + convolution.bias.view(-1, 1, 1)

    def _up_to_date(self, box: TokenBox, convolution: nn.Conv2d) -> Tensor:
        weight = convolution.weight.detach()
        # By value: writes through `.data` leave no trace in a tensor's version.
        if self._table is None or not np.array_equal(self._weight, weight.numpy()):
            self._table = _table(box, convolution)
            self._weight = weight.numpy().copy()
        return self._table

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Drop the table: it stays on the CPU."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._table = None
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_table": None, "_weight": None}


def _outputs(side: int, convolution: nn.Conv2d, dimension: int) -> int:
    """How many outputs a convolution has along a side of a box."""
    return (side - convolution.kernel_size[dimension]) // convolution.stride[dimension] + 1


def _table(box: TokenBox, convolution: nn.Conv2d) -> Tensor:
    """Float32 `[W * H * C + 1, W' * H' * channels]`: what the value 1 at each place adds; zeros last."""
    # [k, k, C, channels], and zeros behind the kernel.
    taps = F.pad(convolution.weight.detach().permute(2, 3, 1, 0), (0, 0, 0, 0, 0, 1, 0, 1))

    def reached(side: int, dimension: int) -> Tensor:
        """Which tap of each output `[side, outputs]` a cell meets; the one behind the last where none."""
        size, stride = convolution.kernel_size[dimension], convolution.stride[dimension]
        first = stride * torch.arange(_outputs(side, convolution, dimension))
        tap = torch.arange(side).unsqueeze(1) - first
        return torch.where((tap >= 0) & (tap < size), tap, size)

    across, down = reached(box.width, 0), reached(box.height, 1)
    added = taps[across[:, None, :, None], down[None, :, None, :]]  # [W, H, W', H', C, channels]
    flat = added.permute(0, 1, 4, 2, 3, 5).reshape(box.width * box.height * box.num_features, -1)
    return F.pad(flat, (0, 0, 0, 1))
