"""Attention over observation tokens: learnt queries that read them, and latents that read one another."""

from collections.abc import Iterable
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..modes import SOUND, Mode
from .at_hand import copy_transposed_, is_at_hand

# Scores that are computed at once where none is kept for a gradient: 1.5 MB.
_SCORES = 3 << 17


def _check_heads(width: int, num_heads: int, name: str) -> None:
    if num_heads < 1 or width < 1 or width % num_heads:
        raise ValueError(f"{name} {width} does not divide into {num_heads} heads")


class _Memory(Protocol):
    """Tokens that queries read: `[N, Q, heads * q]`, scaled already, get values `[N, Q, heads * v]`.

    Not those that a mask bool `[N, K]` excludes; a row of no others is read evenly.
    """

    def read(self, queries: Tensor) -> Tensor: ...


class _TokenMemory:
    """Tokens `[N, K, W]` that every head reads whole, q = v = W."""

    def __init__(self, tokens: Tensor, mask: Tensor | None = None) -> None:
        self.tokens, self.mask = tokens, mask
        self.bias: Tensor | None = None

    def read(self, queries: Tensor) -> Tensor:
        rows, _, width = self.tokens.shape
        asked, keys = queries.reshape(rows, -1, width), self.tokens.mT
        if self.mask is None:
            scores = torch.bmm(asked, keys)
        else:
            if self.bias is None:  # of the queries' type, which under autocast is not the tokens'
                self.bias = _bias(self.mask, queries.dtype).unsqueeze(1)
            scores = torch.baddbmm(self.bias, asked, keys)
        return torch.bmm(scores.softmax(dim=-1), self.tokens).view_as(queries)


class _FusedMemory:
    """Keys `[N, K, heads * q]` and values `[N, K, heads * v]`, read by the fused kernel."""

    def __init__(self, keys: Tensor, values: Tensor, num_heads: int, mask: Tensor | None) -> None:
        self.keys, self.values = _by_head(keys, num_heads), _by_head(values, num_heads)
        self.bias = None if mask is None else _bias(mask, keys.dtype)[:, None, None]

    def read(self, queries: Tensor) -> Tensor:
        split = _by_head(queries, self.keys.shape[1])
        read = F.scaled_dot_product_attention(split, self.keys, self.values, attn_mask=self.bias, scale=1.0)
        return read.transpose(1, 2).flatten(2)


class _HeadMemory:
    """Keys `[N, K, heads * q]` and values `[N, K, heads * v]`, read head by head.

    The fused kernel of CPUs takes longer for heads of 4 or 8 numbers than these products, which are fast
    where the tokens lie along memory: `[N * heads, q or v, K]`. What the mask adds to a score is one more
    number of a key, that queries multiply by 1.
    """

    def __init__(self, keys: Tensor, values: Tensor, num_heads: int, mask: Tensor | None) -> None:
        self.num_heads, self.is_masked = num_heads, mask is not None
        bias = None if mask is None else _bias(mask, keys.dtype)
        self.keys: Tensor = _LayHeads.apply(keys, num_heads, bias)  # type: ignore[no-untyped-call]
        self.values: Tensor = _LayHeads.apply(values, num_heads, None)  # type: ignore[no-untyped-call]

    def read(self, queries: Tensor) -> Tensor:
        split = _by_head(queries, self.num_heads)
        if self.is_masked:
            split = F.pad(split, (0, 1), value=1.0)
        read: Tensor = _ReadHeads.apply(  # type: ignore[no-untyped-call]
            split.flatten(0, 1), self.keys, self.values
        )
        return read.view(*split.shape[:3], -1).transpose(1, 2).flatten(2)


class _LayHeads(torch.autograd.Function):
    """`[N, K, heads * d]` as `[N * heads, d, K]`; a bias `[N, K]`, which is not trained, is number d + 1."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, num_heads: int, bias: Tensor | None) -> Tensor:
        heads = _by_head(projected, num_heads).mT
        rows, _, width, tokens = heads.shape
        ctx.shape = heads.shape
        laid = heads.new_empty(rows, num_heads, width + (bias is not None), tokens)
        copy_transposed_(laid[:, :, :width], heads)
        if bias is not None:
            laid[:, :, width] = bias.unsqueeze(1)
        return laid.flatten(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, heads, width, tokens = ctx.shape
        of_projected = gradient.new_empty(rows, tokens, heads * width)
        of_heads = gradient.view(rows, heads, -1, tokens)[:, :, :width]
        copy_transposed_(of_projected, of_heads.flatten(1, 2).mT)
        return of_projected, None, None


class _ReadHeads(torch.autograd.Function):
    """`[M, Q, v]`: what scaled queries `[M, Q, q]` read of keys `[M, q, K]` and values `[M, v, K]`.

    For the gradient of the values autograd would multiply with the tokens along columns, in three times
    the time.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        if not any(ctx.needs_input_grad):
            # In parts: at once they would be memory that the system gives and takes back every time.
            many = max(1, _SCORES // (queries.shape[1] * keys.shape[2]))
            parts = zip(*(torch.split(part, many) for part in (queries, keys, values)), strict=True)
            return torch.cat([_read(*part)[0] for part in parts])
        read, weights = _read(queries, keys, values)
        ctx.save_for_backward(queries, keys, values, weights)
        return read

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, values, weights = ctx.saved_tensors
        of_values = torch.bmm(gradient.mT, weights)
        of_weights = torch.bmm(gradient, values)
        of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
        return torch.bmm(of_scores, keys.mT), torch.bmm(queries.mT, of_scores), of_values


def _read(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """What is read, and with which weights `[M, Q, K]`."""
    weights = torch.bmm(queries, keys).softmax(dim=-1).to(queries.dtype)
    return torch.bmm(weights, values.mT), weights


def _memory(keys: Tensor, values: Tensor, num_heads: int, mask: Tensor | None = None) -> _Memory:
    by_head = keys.device.type == "cpu" and (
        torch.compiler.is_compiling() or not torch._C._are_functorch_transforms_active()
    )
    kind = _HeadMemory if by_head else _FusedMemory
    return kind(keys, values, num_heads, mask)


def _by_head(projected: Tensor, num_heads: int) -> Tensor:
    """`[N, K, heads * d]` as `[N, heads, K, d]`."""
    return projected.view(*projected.shape[:2], num_heads, -1).transpose(1, 2)


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What to add to the scores of tokens: much less than nothing where `mask` is true."""
    # Not -inf: a row of nothing else would be NaN, and its gradient too.
    zeros = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return zeros.masked_fill(mask, torch.finfo(dtype).min)


def _circuit(
    q_proj: nn.Linear, k_proj: nn.Linear, v_proj: nn.Linear, out_proj: nn.Linear, num_heads: int
) -> tuple[Tensor, Tensor]:
    """Weights `[heads * W, D]` to ask a `_TokenMemory` with latents, `[D, heads * W]` for what it answers.

    A score q (W_k x) is (q W_k) x, and what is read, sum(p W_v x), is W_v sum(p x): with few queries it is
    less work to multiply these than all tokens.
    """
    queries, keys, values = (
        projection.weight.view(num_heads, -1, projection.in_features)
        for projection in (q_proj, k_proj, v_proj)
    )
    outputs = out_proj.weight.view(out_proj.out_features, num_heads, -1).transpose(0, 1)
    ask = torch.bmm(keys.mT, queries * queries.shape[1] ** -0.5)  # [heads, W, D]
    tell = torch.bmm(outputs, values)  # [heads, D, W]
    return ask.flatten(0, 1), tell.transpose(0, 1).flatten(1)


class _LatentLayer(nn.Module):
    """One layer: queries read the tokens, then each passes through a perceptron of its own, both residual."""

    def __init__(self, embed_dim: int, qk_dim: int, mlp_ratio: float) -> None:
        super().__init__()
        self.q_proj = nn.Linear(embed_dim, qk_dim, bias=False)
        self.attn_out_proj = nn.Linear(embed_dim, embed_dim)
        self.norm1 = nn.LayerNorm(embed_dim)
        self.norm2 = nn.LayerNorm(embed_dim)
        width = int(embed_dim * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(embed_dim, width), nn.GELU(), nn.Linear(width, embed_dim))


class LatentCrossAttention(nn.Module):
    """Q learnt queries read K tokens through L layers that share one projection of the tokens.

    Parameters: `_q_token` `[1, Q, D]`; `norm_kv`, `k_proj` and `v_proj` (no bias) of the tokens;
    `layers.l.{q_proj, attn_out_proj, norm1, norm2, mlp}`; `final_norm`; `output_proj`, absent where the
    output is as wide as the queries.
    """

    def __init__(
        self,
        feat_dim: int,
        out_dim: int,
        *,
        embed_dim: int = 32,
        qk_dim: int | None = None,
        num_heads: int = 4,
        num_layers: int = 1,
        num_query_tokens: int = 1,
        use_cls_token: bool = False,
        mlp_ratio: float = 4.0,
        mode: Mode = SOUND,
    ) -> None:
        """Attention from `num_query_tokens` (Q) queries to tokens of width `feat_dim`.

        Args:
            feat_dim: width of a token.
            out_dim: width of the output.
            embed_dim: width D of queries and values.
            qk_dim: width of queries and keys together over the heads; `embed_dim` where None.
            num_heads: heads; they divide `embed_dim` and `qk_dim`.
            num_layers: layers, >= 1.
            num_query_tokens: Q.
            use_cls_token: return the first query alone, `[N, out_dim]` rather than `[N, Q, out_dim]`.
            mlp_ratio: width of the perceptrons in units of D.
            mode: see `unknown_feature_is_padding`.

        Raises ValueError for sizes that do not fit.
        """
        super().__init__()
        qk_dim = embed_dim if qk_dim is None else qk_dim
        _check_heads(embed_dim, num_heads, "embed_dim")
        _check_heads(qk_dim, num_heads, "qk_dim")
        if min(num_layers, num_query_tokens, feat_dim, out_dim) < 1:
            raise ValueError("num_layers, num_query_tokens, feat_dim and out_dim must be at least 1")
        self.num_heads, self.use_cls_token, self.mode = num_heads, use_cls_token, mode
        self._scale = (qk_dim // num_heads) ** -0.5
        # Multiplications for a token: with keys and values, and with tokens read as they are.
        projected = (feat_dim + num_layers * num_query_tokens) * (qk_dim + embed_dim)
        self._reads_tokens = 2 * num_layers * num_query_tokens * num_heads * feat_dim < projected
        self._q_token = nn.Parameter(
            nn.init.trunc_normal_(torch.empty(1, num_query_tokens, embed_dim), std=0.02)
        )
        self.norm_kv = nn.LayerNorm(feat_dim)
        self.k_proj = nn.Linear(feat_dim, qk_dim, bias=False)
        self.v_proj = nn.Linear(feat_dim, embed_dim, bias=False)
        self.layers = nn.ModuleList(_LatentLayer(embed_dim, qk_dim, mlp_ratio) for _ in range(num_layers))
        self.final_norm = nn.LayerNorm(embed_dim)
        self.output_proj = nn.Identity() if embed_dim == out_dim else nn.Linear(embed_dim, out_dim)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Latents `[N, Q, out_dim]`, or `[N, out_dim]` with `use_cls_token`, of `tokens` `[N, K, feat_dim]`.

        `mask` bool `[N, K]`: true where not to look. A row that is masked throughout reads nothing: zeros in
        place of values. In the reference mode it reads the average of its tokens.
        """
        tokens, weight = self.norm_kv(tokens), self.token_weight()
        return self.read(tokens if weight is None else F.linear(tokens, weight), mask)

    def token_weight(self) -> Tensor | None:
        """What `read` wants normalised tokens multiplied by, `[qk_dim + D, feat_dim]`; None: by nothing."""
        return None if self._reads_tokens else torch.cat([self.k_proj.weight, self.v_proj.weight])

    def read(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """`forward` of tokens `[N, K, feat_dim or qk_dim + D]` that are normalised, and then multiplied."""
        memory: _Memory
        if self._reads_tokens:
            memory = _TokenMemory(tokens, mask)
        else:
            sizes = [self.k_proj.out_features, self.v_proj.out_features]
            keys, values = torch.split_with_sizes(tokens, sizes, dim=-1)
            memory = _memory(keys, values, self.num_heads, mask)
        empty = None
        if mask is not None and self.mode.unknown_feature_is_padding:
            empty = mask.all(dim=1)
            if is_at_hand(empty) and not empty.numpy().any():
                empty = None
        latents: Tensor = self._q_token
        for depth, layer in enumerate(cast("Iterable[_LatentLayer]", self.layers), start=1):
            if depth == len(self.layers) and self.use_cls_token:
                latents = latents[:, :1]  # queries do not read one another: nobody asks for the others now
            if self._reads_tokens:
                ask, tell = _circuit(
                    layer.q_proj, self.k_proj, self.v_proj, layer.attn_out_proj, self.num_heads
                )
            else:
                ask, tell = self._scale * layer.q_proj.weight, layer.attn_out_proj.weight
            queries = F.linear(layer.norm1(latents), ask)
            read = memory.read(queries.expand(tokens.shape[0], -1, -1))
            if empty is not None:
                read = read.masked_fill(empty[:, None, None], 0.0)
            latents = latents + F.linear(read, tell, layer.attn_out_proj.bias)
            latents = latents + layer.mlp(layer.norm2(latents))
        if self.use_cls_token:
            latents = latents[:, 0]
        out: Tensor = self.output_proj(self.final_norm(latents))
        return out


class LatentSelfAttention(nn.Module):
    """Latents read one another through L layers, and the first one is returned.

    With a cls token (`_cls_token` `[1, 1, D]`, standard normal) that is the token in front of them.
    Parameters of layer l: `layer_norms_1.l`, `q_projs.l`, `k_projs.l`, `v_projs.l` (no bias) and
    `out_projs.l`; then `_layer_norm_2` and `_final_proj`, absent where the output is as wide as the latents.
    """

    def __init__(
        self,
        embed_dim: int,
        out_dim: int,
        *,
        num_heads: int = 4,
        num_layers: int = 1,
        use_cls_token: bool = True,
    ) -> None:
        """Raises ValueError where `num_heads` does not divide `embed_dim`, or a size is below 1."""
        super().__init__()
        _check_heads(embed_dim, num_heads, "embed_dim")
        if min(num_layers, out_dim) < 1:
            raise ValueError("num_layers and out_dim must be at least 1")
        self.num_heads, self._scale = num_heads, (embed_dim // num_heads) ** -0.5
        self._cls_token = nn.Parameter(torch.randn(1, 1, embed_dim)) if use_cls_token else None

        def linears(bias: bool) -> nn.ModuleList:
            return nn.ModuleList(nn.Linear(embed_dim, embed_dim, bias=bias) for _ in range(num_layers))

        self.layer_norms_1 = nn.ModuleList(nn.LayerNorm(embed_dim) for _ in range(num_layers))
        self.q_projs, self.k_projs, self.v_projs = linears(False), linears(False), linears(False)
        self.out_projs = linears(True)
        self._layer_norm_2 = nn.LayerNorm(embed_dim)
        self._final_proj = nn.Identity() if embed_dim == out_dim else nn.Linear(embed_dim, out_dim)

    def forward(self, latents: Tensor) -> Tensor:
        """`[N, out_dim]` of `latents` `[N, Q, D]`."""
        if self._cls_token is not None:
            latents = torch.cat(
                [self._cls_token.expand(latents.shape[0], -1, -1).to(latents), latents], dim=1
            )
        layers: Iterable[Any] = zip(
            self.layer_norms_1, self.q_projs, self.k_projs, self.v_projs, self.out_projs, strict=True
        )
        for depth, (norm, q_proj, k_proj, v_proj, out_proj) in enumerate(layers, start=1):
            read = norm(latents)
            memory: _Memory
            if depth < len(self.out_projs):
                projections = [self._scale * q_proj.weight, k_proj.weight, v_proj.weight]
                queries, keys, values = F.linear(read, torch.cat(projections)).chunk(3, dim=-1)
                memory = _memory(keys, values, self.num_heads)
                latents = latents + out_proj(memory.read(queries))
                continue
            # Nobody asks for the others any more.
            ask, tell = _circuit(q_proj, k_proj, v_proj, out_proj, self.num_heads)
            memory = _TokenMemory(read)
            latents = latents[:, :1] + F.linear(memory.read(F.linear(read[:, :1], ask)), tell, out_proj.bias)
        out: Tensor = self._final_proj(self._layer_norm_2(latents[:, 0]))
        return out
