"""Attention over observation tokens: learnt queries that read them, and latents that read one another."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..modes import SOUND, Mode


def _check_heads(width: int, num_heads: int, name: str) -> None:
    if num_heads < 1 or width < 1 or width % num_heads:
        raise ValueError(f"{name} {width} does not divide into {num_heads} heads")


def _by_head(projected: Tensor, num_heads: int) -> Tensor:
    """`[N, K, heads * d]` as `[N, heads, K, d]`."""
    return projected.view(*projected.shape[:2], num_heads, -1).transpose(1, 2)


def _joined(heads: Tensor) -> Tensor:
    """`[N, heads, K, d]` as `[N, K, heads * d]`."""
    return heads.transpose(1, 2).flatten(2)


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

    def forward(
        self, latents: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, empty: Tensor | None
    ) -> Tensor:
        heads = keys.shape[1]
        queries = _by_head(self.q_proj(self.norm1(latents)), heads)
        if queries.shape[0] != keys.shape[0]:
            queries = queries.expand(keys.shape[0], -1, -1, -1)
        read = _joined(F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias))
        if empty is not None:
            read = read.masked_fill(empty, 0.0)
        latents = latents + self.attn_out_proj(read)
        out: Tensor = latents + self.mlp(self.norm2(latents))
        return out


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
        tokens = self.norm_kv(tokens)
        keys, values = (
            _by_head(self.k_proj(tokens), self.num_heads),
            _by_head(self.v_proj(tokens), self.num_heads),
        )
        bias = empty = None
        if mask is not None:
            # Not -inf: a row of nothing else would be NaN, and its gradient too.
            bias = keys.new_zeros(mask.shape).masked_fill(mask, torch.finfo(keys.dtype).min)[:, None, None]
            if self.mode.unknown_feature_is_padding:
                empty = mask.all(dim=1)[:, None, None]
        latents: Tensor = self._q_token
        for depth, layer in enumerate(self.layers, start=1):
            if depth == len(self.layers) and self.use_cls_token:
                latents = latents[
                    :, :1
                ]  # queries do not read one another: the others are not needed any more
            latents = layer(latents, keys, values, bias, empty)
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
        self.num_heads = num_heads
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
        layers = zip(
            self.layer_norms_1, self.q_projs, self.k_projs, self.v_projs, self.out_projs, strict=True
        )
        for depth, (norm, q_proj, k_proj, v_proj, out_proj) in enumerate(layers, start=1):
            read = norm(latents)
            keys, values = _by_head(k_proj(read), self.num_heads), _by_head(v_proj(read), self.num_heads)
            if depth == len(self.out_projs):
                latents, read = latents[:, :1], read[:, :1]  # nobody asks for the others any more
            queries = _by_head(q_proj(read), self.num_heads)
            latents = latents + out_proj(_joined(F.scaled_dot_product_attention(queries, keys, values)))
        out: Tensor = self._final_proj(self._layer_norm_2(latents[:, 0]))
        return out
