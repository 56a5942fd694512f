"""From observation tokens to what a net can read: a box of cells, or a sequence for attention.

A token is three bytes: the coordinate (high nibble x, low nibble y), the id of a feature, and its value. The
coordinate 255 is padding. Observations are uint8 `[N, M, 3]`: N rows of M tokens. None of these modules
alters them. What differs between the modes is told in `modes.py`.
"""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..modes import SOUND, Mode
from .at_hand import is_at_hand

PADDING = 255
_GLOBAL = 254
_NOWHERE = 1 << 40  # larger than any place in a batch of boxes


def _check_tokens(observations: Tensor) -> None:
    if observations.dim() != 3 or observations.shape[-1] != 3 or observations.dtype != torch.uint8:
        raise ValueError(
            "observations must be tokens, uint8 [N, M, 3], "
            f"got {list(observations.shape)} {observations.dtype}"
        )


def longest_row(observations: Tensor) -> int:
    """The number of leading tokens of `[N, M, 3]` behind which all rows are padding, at least 1.

    M where counting would wait.
    """
    if not is_at_hand(observations):
        return observations.shape[1]
    # Of all bytes, then of the coordinates among them: numpy compares neighbours many at a time.
    rows = observations.numpy().reshape(len(observations), 3 * observations.shape[1])
    least = np.minimum.reduce(rows, axis=0, initial=PADDING)[::3]
    return max(1, len(least.tobytes().rstrip(bytes([PADDING]))))


def _offsets(num_features: int, width: int, height: int, global_at_centre: bool) -> Tensor:
    """Int64 `[2, 256]`: where a coordinate's cell begins in a box, and where a feature stands in its cell.

    `_NOWHERE` for bytes that are in no cell, or no feature.
    """
    byte = torch.arange(256)
    x, y = byte >> 4, byte & 15
    if global_at_centre:
        x[_GLOBAL], y[_GLOBAL] = width // 2, height // 2
    inside = (x < width) & (y < height) & (byte != PADDING)
    cell = torch.where(inside, (x * height + y) * num_features, _NOWHERE)
    return torch.stack([cell, torch.where(byte < num_features, byte, _NOWHERE)])


class TokenBox(nn.Module):
    """Tokens uint8 `[N, M, 3]` as a box float32 `[N, C, W, H]`: `box[n, feature, x, y] = value`, else 0.

    Of several tokens for one feature of one cell the last counts. Padding, unknown features and coordinates
    outside are left out. The coordinate 254 marks tokens about the whole episode, which are put in the
    centre. The box is laid out with features last in memory, as convolutions want it.
    """

    offsets: Tensor

    def __init__(self, num_features: int, width: int, height: int, *, mode: Mode = SOUND) -> None:
        """A box of `num_features` (C, the largest feature id + 1) by `width` (x) by `height` (y).

        Raises ValueError for sizes that tokens cannot address: less than 1, more than 256 features, or sides
        above 16.
        """
        super().__init__()
        if not (1 <= num_features <= 256 and 1 <= width <= 16 and 1 <= height <= 16):
            raise ValueError(
                "tokens address up to 256 features of at most 16 x 16 cells, "
                f"got {num_features} of {width} x {height}"
            )
        self.num_features, self.width, self.height, self.mode = num_features, width, height, mode
        offsets = _offsets(num_features, width, height, mode.global_tokens_at_centre)
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, observations: Tensor, scale: Tensor | None = None) -> Tensor:
        """The box of `observations`; with `scale` float `[C]`, values are divided by their feature's.

        Raises ValueError for observations of another shape or dtype; in the reference mode RuntimeError for a
        token beyond the last layer.
        """
        _check_tokens(observations)
        rows = observations.shape[0]
        byte, feature, value = observations.int().flatten(0, 1).unbind(-1)
        if not (self.mode.no_warning_in_forward or torch.compiler.is_compiling()):
            self._warn_of_unknown(byte, feature)
        values = value.float()
        if scale is not None:
            padded = F.pad(scale, (0, 256 - self.num_features), value=1.0)
            values = values / padded.index_select(0, feature)
        if self.mode.padding_leaves_cells and self.mode.tokens_stay_inside:
            return self._checked(rows, byte, feature, values)
        return self._unchecked(*(part.view(rows, -1) for part in (byte, feature, values)))

    def _checked(self, rows: int, byte: Tensor, feature: Tensor, values: Tensor) -> Tensor:
        size = self.width * self.height * self.num_features
        cells, layers = self.offsets.unbind()
        places = cells.index_select(0, byte) + layers.index_select(0, feature)
        first = torch.arange(rows, device=places.device).unsqueeze(1) * size
        # One place behind the last box takes what does not belong in any.
        places = (places.view(rows, -1) + first).clamp_(max=rows * size).flatten()
        boxes = values.new_zeros(rows * size + 1)
        if not is_at_hand(boxes):
            values = self._last_value(places, values, boxes)
        boxes.scatter_(0, places, values)  # on the CPU in order: the last one stays
        return boxes[:-1].view(rows, self.width, self.height, self.num_features).permute(0, 3, 1, 2)

    def _last_value(self, places: Tensor, values: Tensor, boxes: Tensor) -> Tensor:
        """For every token the value of the last token at its place, for devices that scatter in any order."""
        order = torch.arange(places.numel(), device=places.device)
        last = torch.zeros_like(boxes, dtype=torch.int64).scatter_reduce(0, places, order, "amax")
        return values.index_select(0, last.index_select(0, places))

    def _unchecked(self, byte: Tensor, feature: Tensor, values: Tensor) -> Tensor:
        """The reference's box of `[N, M]` bytes, features and values, or one with half of its defects."""
        rows, size = byte.shape[0], self.num_features * self.width * self.height
        valid = (byte != PADDING) & (feature < self.num_features)
        x, y = byte >> 4, byte & 15
        if self.mode.global_tokens_at_centre:
            centre = byte == _GLOBAL
            x, y = x.masked_fill(centre, self.width // 2), y.masked_fill(centre, self.height // 2)
        if self.mode.tokens_stay_inside:
            valid = valid & (x < self.width) & (y < self.height)
        # Behind the box: room for what no cell may take, and for tokens beyond the last layer.
        room = 257 if self.mode.padding_leaves_cells else 0
        rejected = size + room - 1 if room else 0
        places = torch.where(valid, (feature * self.width + x) * self.height + y, rejected).long()
        boxes = values.new_zeros(rows, size + room)
        boxes = boxes.scatter(1, places, torch.where(valid, values, 0.0))
        return boxes[:, :size].view(rows, self.num_features, self.width, self.height)

    def _warn_of_unknown(self, byte: Tensor, feature: Tensor) -> None:
        unknown = (byte != PADDING) & (feature >= self.num_features)
        if unknown.device.type == "meta" or not unknown.any():
            return
        warnings.warn(
            f"feature ids {sorted(set(feature[unknown].tolist()))} are not among this policy's "
            f"{self.num_features}: their tokens are left out",
            stacklevel=3,
        )


def normalisation_vector(normalisations: Mapping[int, float], size: int, *, mode: Mode = SOUND) -> Tensor:
    """Float32 `[size]`: the divisor of each feature id; 1 where the environment has none, or one of 0 or
    less.

    In the reference mode they are taken as they are; RuntimeError when an id is missing.
    Raises ValueError for an id that is negative, or `size` or more.
    """
    outside = sorted(id_ for id_ in normalisations if not 0 <= id_ < size)
    if outside:
        raise ValueError(f"normalisations of features {outside}: ids must be in 0..{size - 1}")
    missing = sorted(set(range(size)) - set(normalisations))
    if missing and not mode.missing_normalisation_is_one:
        raise RuntimeError(f"feature_normalizations has no entry for the ids {missing}")
    vector = torch.ones(size)
    for id_, normalisation in normalisations.items():
        if normalisation > 0 or not mode.missing_normalisation_is_one:
            vector[id_] = normalisation
    return vector


class TokenSequence(nn.Module):
    """Tokens as a sequence for attention, and which of them attention is to leave out.

    Feature ids pass through `feature_id_remap` (uint8 `[256]`, at first the identity): an environment that
    numbers its features anew is read with the weights of the old numbers. Id 255 is no feature.
    """

    feature_id_remap: Tensor

    def __init__(self, *, mode: Mode = SOUND) -> None:
        super().__init__()
        self.mode = mode
        self.register_buffer("feature_id_remap", torch.arange(256, dtype=torch.uint8))

    @torch.no_grad()
    def update_feature_remapping(self, remap: Tensor) -> None:
        """Read feature `id` as feature `remap[id]` from now on; `remap` uint8 `[256]`.

        Raises ValueError for another shape.
        """
        if tuple(remap.shape) != (256,):
            raise ValueError(f"a feature remapping has one entry per id, [256], got {list(remap.shape)}")
        self.feature_id_remap.copy_(remap)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens uint8 `[N, K, 3]` and mask bool `[N, K]`, true where attention is to look away. K <= M.

        What lies behind the last real token of every row may be cut off: on CPUs, where counting waits for
        nothing. It makes no difference to what attention gives.

        Raises ValueError for observations of another shape or dtype.
        """
        _check_tokens(observations)
        mask = None if self.mode.rows_keep_their_tokens else observations[..., 0] == PADDING
        kept = longest_row(observations) if mask is None else self._first_paddings(mask)
        byte, feature, value = observations[:, :kept].unbind(-1)
        feature = self.feature_id_remap.index_select(0, feature.int().flatten()).view_as(feature)
        absent = torch.maximum(byte, feature) if self.mode.unknown_feature_is_padding else byte
        return torch.stack([byte, feature, value], dim=-1), absent == PADDING

    @staticmethod
    def _first_paddings(mask: Tensor) -> int:
        # policyfix: ignore[PF512] -- as the reference does, in its mode alone
        longest = int(mask.to(torch.uint8).argmax(dim=1).max())
        return longest or mask.shape[1]


class TokenValues(nn.Module):
    """Divides the values of a token sequence by their feature's factor.

    `_norm_factors` float32 `[256]`: the divisor of each feature id, 1 where none is given.
    """

    _norm_factors: Tensor

    def __init__(self, factors: Tensor, *, mode: Mode = SOUND) -> None:
        """`factors` float `[F]`, F <= 256, those of the feature ids 0..F-1."""
        super().__init__()
        self.mode = mode
        self.register_buffer("_norm_factors", F.pad(factors.float(), (0, 256 - factors.numel()), value=1.0))

    @torch.no_grad()
    def update_normalization_tensor(self, factors: Tensor) -> None:
        """Divide by `factors` `[256]` from now on. Raises ValueError for another shape."""
        if tuple(factors.shape) != (256,):
            raise ValueError(f"normalisation has one factor per feature id, [256], got {list(factors.shape)}")
        self._norm_factors.copy_(factors)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens uint8 `[N, K, 3]` with divided values: float32, or in the reference mode uint8.

        An integer quotient is cut towards zero; where the factor is 0 it is 0 (what x86 gives for a
        conversion that C leaves undefined).
        """
        byte, feature, value = tokens.unbind(-1)
        factors = self._norm_factors.index_select(0, feature.int().flatten()).view(feature.shape)
        if self.mode.environment_normalisation:
            normalised = tokens.to(factors.dtype, copy=True)
            normalised[..., 2].div_(factors)
            return normalised
        whole = (value / factors).nan_to_num(0.0, 0.0, 0.0).to(torch.int64) & 255
        return torch.stack([byte, feature, whole.to(torch.uint8)], dim=-1)
