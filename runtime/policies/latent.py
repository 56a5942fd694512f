"""`LatentAttnTiny`, `LatentAttnSmall`, `LatentAttnMed`: learnt queries that read the tokens they observe."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..modes import Mode, resolve_mode
from ..nets.at_hand import is_at_hand, sums_rows
from ..nets.attention import LatentCrossAttention, LatentSelfAttention
from ..nets.embeddings import FourierTokenEmbedding
from ..nets.tokens import TokenSequence, TokenValues
from ..policy import RecurrentPolicy
from .actor_critic import NUM_EMBEDDINGS, ActorCritic, EncoderAndHeads, PerDimensionActorCritic
from .environment import normalisations

# Scores that are computed at once, on CPUs: 6 MB.
_SCORES = 3 << 19


@dataclass(frozen=True, slots=True)
class LatentSizes:
    """Sizes of a latent encoder; widths are those of the reference's configs.

    `attr_embed_dim` and `num_freqs` make a token of width d + 4 F + 1. `num_query_tokens` queries of width
    `embed_dim` read the tokens through `cross_layers` layers; then, if there are any, `self_layers` layers
    let them read one another.
    """

    attr_embed_dim: int
    num_freqs: int
    num_query_tokens: int
    num_heads: int
    cross_layers: int
    self_layers: int
    embed_dim: int = 32


class _LatentAttn(RecurrentPolicy):
    """Encoder of a size, LSTM, and the heads of `Fast`."""

    sizes: ClassVar[LatentSizes]

    def __init__(
        self,
        env: Any,
        input_size: int = 128,
        hidden_size: int = 128,
        *,
        num_action_embeddings: int = NUM_EMBEDDINGS,
        mode: str | Mode = "sound",
        **config: Any,
    ) -> None:
        """Build the policy for `env` (see the package).

        Args:
            env: describes observations and actions.
            input_size: width of the encoder's output, which the LSTM reads.
            hidden_size: width H of the LSTM.
            num_action_embeddings: rows of the embedding table; room for the different actions of all
                environments that the policy will meet. At least as many as `env` has.
            mode: "sound", "reference", or a `modes.Mode`.
            config: of `RecurrentPolicy`.
        """
        mode = resolve_mode(mode)
        heads = (
            ActorCritic(env, hidden_size, mode, num_action_embeddings)
            if mode.joint_action_head
            else PerDimensionActorCritic(env, hidden_size, num_action_embeddings)
        )
        encoder = LatentEncoder(env, self.sizes, input_size, mode)
        super().__init__(env, EncoderAndHeads(encoder, heads), input_size, hidden_size, mode=mode, **config)


class LatentEncoder(nn.Module):
    """What of the latent policies stands before the LSTM."""

    def __init__(self, env: Any, sizes: LatentSizes, input_size: int, mode: Mode) -> None:
        super().__init__()
        factors = normalisations(env, 256) if mode.environment_normalisation else torch.ones(256)
        self.obs_ = TokenSequence(mode=mode)
        self.obs_norm = TokenValues(factors, mode=mode)
        self.obs_fourier = FourierTokenEmbedding(sizes.attr_embed_dim, sizes.num_freqs, mode=mode)
        self.obs_latent_query_attn = LatentCrossAttention(
            self.obs_fourier.output_dim,
            sizes.embed_dim if sizes.self_layers else input_size,
            embed_dim=sizes.embed_dim,
            num_heads=sizes.num_heads,
            num_layers=sizes.cross_layers,
            num_query_tokens=sizes.num_query_tokens,
            use_cls_token=not sizes.self_layers,
            mode=mode,
        )
        self.obs_latent_self_attn = (
            LatentSelfAttention(
                sizes.embed_dim, input_size, num_heads=sizes.num_heads, num_layers=sizes.self_layers
            )
            if sizes.self_layers
            else nn.Identity()
        )

    def forward(self, observations: Tensor) -> Tensor:
        """Features float `[N, input_size]` of tokens uint8 `[N, M, 3]`."""
        tokens, mask = self.obs_(observations)
        tokens = self.obs_norm(tokens)
        if not is_at_hand(tokens):
            return self._read(tokens, mask)
        # Scores of many rows would be memory that the system gives and takes back in every forward.
        attention = self.obs_latent_query_attn
        rows = max(1, _SCORES // (attention.num_heads * attention._q_token.shape[1] * tokens.shape[1]))
        if rows >= len(tokens):
            return self._read(tokens, mask)
        parts = zip(tokens.split(rows), mask.split(rows), strict=True)
        return torch.cat([self._read(*part) for part in parts])

    def _read(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Features `[N, input_size]` of normalised tokens float `[N, K, 3]`, but of those in `mask`."""
        attention = self.obs_latent_query_attn
        if sums_rows(tokens, attention.k_proj.weight):
            read = self.obs_fourier.projected(tokens, attention.norm_kv, attention.token_weight())
            latents = attention.read(read, mask)
        else:
            latents = attention(self.obs_fourier(tokens), mask)
        features: Tensor = self.obs_latent_self_attn(latents)
        return features


class LatentAttnTiny(_LatentAttn):
    """One query, two layers: 502 936 parameters with 100 action embeddings."""

    sizes = LatentSizes(10, 4, num_query_tokens=1, num_heads=4, cross_layers=2, self_layers=0)


class LatentAttnSmall(_LatentAttn):
    """Ten queries, one layer, and two layers among them: 501 556 parameters with 100 action embeddings."""

    sizes = LatentSizes(8, 8, num_query_tokens=10, num_heads=4, cross_layers=1, self_layers=2)


class LatentAttnMed(_LatentAttn):
    """Ten queries, three layers, three layers among them: 528 156 parameters with 100 action embeddings."""

    sizes = LatentSizes(12, 8, num_query_tokens=10, num_heads=8, cross_layers=3, self_layers=3)
