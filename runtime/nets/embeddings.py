"""Embeddings: of observation tokens for attention, and of actions for the bilinear head."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..modes import SOUND, Mode
from .initialisation import orthogonal_embedding_
from .tokens import PADDING


class _TokenEmbedding(nn.Module):
    """The embedding of feature ids that all token embeddings have: `_attr_embeds` `[256, D]`, row 255 for
    none."""

    def __init__(self, attr_embed_dim: int, mode: Mode) -> None:
        super().__init__()
        if attr_embed_dim < 1:
            raise ValueError(f"attr_embed_dim must be at least 1, got {attr_embed_dim}")
        self._attr_embeds = _byte_embedding(attr_embed_dim, mode, PADDING)


def _byte_embedding(width: int, mode: Mode, padding: int | None = None) -> nn.Embedding:
    table = nn.Embedding(256, width, padding_idx=padding)
    nn.init.trunc_normal_(table.weight, std=0.02)
    if padding is not None and mode.unknown_feature_is_padding:
        with torch.no_grad():
            table.weight[padding].zero_()
    return table


class FourierTokenEmbedding(_TokenEmbedding):
    """A token as its feature's embedding, its place in Fourier features, and its value.

    Width D + 4 F + 1, in this order: the embedding (D); cos and sin of `x' f_j`; cos and sin of `y' f_j`; the
    value. The frequencies are f_j = 2^j, j = 0..F-1 (buffer `frequencies`); x' = x/10*2 - 1, so that a
    window of 11 cells spans [-1, 1].
    """

    frequencies: Tensor

    def __init__(self, attr_embed_dim: int, num_freqs: int, *, mode: Mode = SOUND) -> None:
        """`attr_embed_dim` D and `num_freqs` F, each >= 1; ValueError otherwise."""
        super().__init__(attr_embed_dim, mode)
        if num_freqs < 1:
            raise ValueError(f"num_freqs must be at least 1, got {num_freqs}")
        self.output_dim = attr_embed_dim + 4 * num_freqs + 1
        self.register_buffer("frequencies", 2.0 ** torch.arange(num_freqs))

    def forward(self, tokens: Tensor) -> Tensor:
        """Features float32 `[N, K, D + 4 F + 1]` of tokens uint8 or float `[N, K, 3]`."""
        byte, feature, value = tokens.unbind(-1)
        places = (
            _fourier_features(self.frequencies).index_select(0, byte.flatten().int()).view(*byte.shape, -1)
        )
        return torch.cat([self._attr_embeds(feature.int()), places, value.unsqueeze(-1).to(places)], dim=-1)

    def projected(self, tokens: Tensor, norm: nn.LayerNorm, weight: Tensor | None) -> Tensor:
        """`F.linear(norm(self(tokens)), weight)`, float32 `[N, K, out]`; just normalised without `weight`.

        On CPUs in a fraction of the time: but for the value, a feature depends on one byte, so that a
        projected token is a sum of three rows of a table. It can be differentiated once.
        """
        embeddings = self._attr_embeds.weight
        if torch.is_grad_enabled():
            # As `nn.Embedding` has it, what stands for no feature is not trained.
            embeddings = torch.cat([embeddings[:PADDING], embeddings[PADDING:].detach()])
        places = _kept_fourier_features(tuple(self.frequencies.tolist()))
        parts = (embeddings, places, embeddings.new_ones(1, 1))
        # A row for each feature, each place, and the value 1.
        rows = torch.block_diag(*parts)  # type: ignore[no-untyped-call]
        moments = torch.stack([rows, rows.square()]).mean(dim=-1)
        table = (rows - moments[0].unsqueeze(1)) * norm.weight
        # One more row: what `norm` adds to all tokens.
        table = torch.cat([table, norm.bias.unsqueeze(0)])
        if weight is not None:
            table = F.linear(table, weight)
        out: Tensor = _NormalisedSums.apply(  # type: ignore[no-untyped-call]
            table, moments, tokens.flatten(0, 1).float(), self.output_dim, norm.eps
        )
        return out.view(*tokens.shape[:2], -1)


def _fourier_features(frequencies: Tensor) -> Tensor:
    """The Fourier features `[256, 4 F]` of every coordinate byte."""
    nibble = torch.arange(16, device=frequencies.device).to(frequencies)
    angles = (nibble / 10 * 2 - 1).unsqueeze(1) * frequencies
    one = torch.cat([angles.cos(), angles.sin()], dim=1)  # [16, 2 F]
    return torch.cat([one.repeat_interleave(16, dim=0), one.repeat(16, 1)], dim=1)


@functools.lru_cache(maxsize=8)
def _kept_fourier_features(frequencies: tuple[float, ...]) -> Tensor:
    with torch.inference_mode(False):  # kept for training too
        return _fourier_features(torch.tensor(frequencies))


class _NormalisedSums(torch.autograd.Function):
    """Of tokens `[R, 3]` the sums `[R, out]` of rows of a `table` `[514, out]`, divided by their deviation.

    Row 0 to 255: a feature; 256 to 511: a place; 512: the value 1. The last row is added to all. `moments`
    `[2, 513]`: the mean and the mean square of the `width` numbers that each row but the last stands for.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, moments: Tensor, tokens: Tensor, width: int, eps: float) -> Tensor:
        value = tokens[:, 2]
        parts = torch.full((len(tokens), 4), 513, dtype=torch.int32)
        parts[:, :3] = tokens
        place, feature, one, _ = parts.unbind(-1)
        place.add_(256)
        one.fill_(512)
        of_rows = moments.t().contiguous()
        mean, square = of_rows.index_select(0, place).add_(of_rows.index_select(0, feature)).unbind(-1)
        mean = mean.add(value, alpha=1 / width)
        # The Fourier features of a place differ from one another: nothing is lost in this difference.
        variance = square.addcmul(value, value, value=1 / width).addcmul_(mean, mean, value=-1)
        scale = variance.add_(eps).rsqrt_()
        factors = torch.stack([scale, scale, scale * value, torch.ones_like(scale)], dim=1)
        out = F.embedding_bag(parts, table, per_sample_weights=factors, mode="sum")
        ctx.save_for_backward(table, parts, factors, mean, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        table, parts, factors, mean, out = ctx.saved_tensors
        gradient, scale = gradient.contiguous(), factors[:, 0].contiguous()
        byte, feature = (parts[:, column].to(torch.uint8).numpy() for column in (0, 1))  # less 256

        def summed(by: npt.NDArray[np.uint8]) -> Tensor:
            """Gradients times scales of the tokens with each byte, `[256, out]`."""
            order = torch.from_numpy(by.argsort(kind="stable"))  # radix sort
            counts = np.bincount(by, minlength=256)
            begin = torch.from_numpy(counts.cumsum() - counts)
            weights = scale.index_select(0, order)
            return F.embedding_bag(order, gradient, begin, per_sample_weights=weights, mode="sum")

        of_table = torch.cat([summed(feature), summed(byte), factors[:, 2:].t() @ gradient])
        ones = gradient.new_ones(gradient.shape[1])
        of_scale = ((out * gradient) @ ones - gradient @ table[513]) / scale
        of_variance = -0.5 * of_scale * scale**3
        of_moments = torch.zeros(2, 513)  # those of features: places are not trained
        for row, of_one in zip(of_moments, (-2 * mean * of_variance, of_variance), strict=True):
            row[:256] = torch.from_numpy(np.bincount(feature, of_one.numpy(), minlength=256))
        return of_table, of_moments, None, None, None


class CoordinateTokenEmbedding(_TokenEmbedding):
    """A token as the sum of its feature's and its coordinate's embedding (D), and its value: width D + 1.

    `_coord_embeds` `[256, D]` has a row per coordinate byte.
    """

    def __init__(self, attr_embed_dim: int, *, mode: Mode = SOUND) -> None:
        """`attr_embed_dim` D >= 1; ValueError otherwise."""
        super().__init__(attr_embed_dim, mode)
        self.output_dim = attr_embed_dim + 1
        self._coord_embeds = _byte_embedding(attr_embed_dim, mode)

    def forward(self, tokens: Tensor) -> Tensor:
        """Features float32 `[N, K, D + 1]` of tokens uint8 or float `[N, K, 3]`."""
        byte, feature, value = tokens.unbind(-1)
        embedded = self._attr_embeds(feature.int()) + self._coord_embeds(byte.int())
        return torch.cat([embedded, value.unsqueeze(-1).to(embedded)], dim=-1)


class CategoricalTokenEmbedding(_TokenEmbedding):
    """A token as the sum of the embeddings of its feature, its coordinate and its value: width D.

    `_coord_embeds` and `_val_embeds` `[256, D]` have a row per byte; the values must be whole bytes.
    """

    def __init__(self, attr_embed_dim: int, *, mode: Mode = SOUND) -> None:
        """`attr_embed_dim` D >= 1; ValueError otherwise."""
        super().__init__(attr_embed_dim, mode)
        self.output_dim = attr_embed_dim
        self._coord_embeds = _byte_embedding(attr_embed_dim, mode)
        self._val_embeds = _byte_embedding(attr_embed_dim, mode)

    def forward(self, tokens: Tensor) -> Tensor:
        """Features float32 `[N, K, D]` of tokens `[N, K, 3]` of whole bytes."""
        byte, feature, value = tokens.int().unbind(-1)
        embedded: Tensor = self._attr_embeds(feature) + self._coord_embeds(byte) + self._val_embeds(value)
        return embedded


class ActionEmbedding(nn.Module):
    """One embedding per joint action, which keeps its row by *name* when the environment changes.

    Names get rows in the order in which they are first met, from row `first_row` on. The buffer
    `active_indices` int64 `[A]` holds the rows of the actions that exist now; before the first activation it
    is empty. The table `_net.weight` `[num_embeddings, E]` has orthogonal rows or columns, scaled so that its
    largest entry is 0.1.

    The buffer `names` uint8 holds all names in the order of their rows, so that a checkpoint of another list
    of actions finds each its row; where a checkpoint lacks it, the rows are taken as they are.
    """

    active_indices: Tensor
    names: Tensor

    def __init__(self, num_embeddings: int = 100, embedding_dim: int = 16, *, first_row: int = 1) -> None:
        """`first_row`: 1 in the component graph, whose row 0 is never used.

        Raises ValueError for a table without room for an action, or of width 0.
        """
        super().__init__()
        if num_embeddings <= first_row or embedding_dim < 1:
            raise ValueError(
                f"action embeddings need num_embeddings > {first_row} and embedding_dim >= 1, "
                f"got {num_embeddings} and {embedding_dim}"
            )
        self.first_row = first_row
        self.rows: dict[str, int] = {}
        self._net = nn.Embedding(num_embeddings, embedding_dim)
        orthogonal_embedding_(self._net.weight)
        self._active: tuple[str, ...] = ()
        self.register_buffer("active_indices", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("names", torch.zeros(0, dtype=torch.uint8))

    def activate(self, full_action_names: Sequence[str]) -> None:
        """Let the actions of these names ("name_argument") exist, in joint order.

        Raises ValueError when the table has no row left for a new name (nothing is changed then), or a name
        comes twice.
        """
        if len(set(full_action_names)) != len(full_action_names):
            raise ValueError("an action name comes twice")
        rows = dict(self.rows)
        for name in full_action_names:
            rows.setdefault(name, self.first_row + len(rows))
        room = self._net.num_embeddings - self.first_row
        if len(rows) > room:
            raise ValueError(
                f"{len(rows)} different actions for {room} action embeddings: raise num_embeddings to "
                f"{len(rows) + self.first_row} or more"
            )
        self.rows, self._active = rows, tuple(full_action_names)
        text = bytearray("\n".join(rows).encode())
        self.names = torch.tensor(text, dtype=torch.uint8, device=self._net.weight.device)
        self.active_indices = torch.tensor(
            [rows[name] for name in full_action_names], dtype=torch.int64, device=self._net.weight.device
        )

    def forward(self) -> Tensor:
        """The embeddings `[A, E]` of the actions that exist. Raises RuntimeError before any activation."""
        if not self.active_indices.numel():
            raise RuntimeError("no actions: activate_action_embeddings(full_action_names) comes first")
        return self._net.weight.index_select(0, self.active_indices)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take the checkpoint's rows for the names that are active here; its active rows where none are."""
        names = state_dict.get(f"{prefix}names")
        for name in ("active_indices", "names"):
            saved = state_dict.setdefault(f"{prefix}{name}", getattr(self, name))
            if saved.shape != getattr(self, name).shape:
                setattr(self, name, getattr(self, name).new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
        if names is not None and names.numel():
            known = bytes(names.tolist()).decode().split("\n")
            self.rows = {name: self.first_row + row for row, name in enumerate(known)}
            if self._active:
                self.activate(self._active)
