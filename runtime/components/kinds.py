"""The kinds of components, by the class name that configs give as `_target_`.

A component is built from the shapes of its sources (without the batch) and its own options, and says the
shape of its output. Its forward takes the outputs of its sources, in their order, with N rows each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..modes import Mode
from ..nets import attention, embeddings, heads, tokens
from ..nets.initialisation import initialise_layer_

Shape = tuple[int, ...]
MASK = "obs_mask"


@dataclass(frozen=True, slots=True)
class Setting:
    """What components know of the environment and of the policy that they belong to."""

    obs_shape: Shape
    obs_width: int
    obs_height: int
    feature_normalizations: Mapping[int, float]
    joint_actions: int
    mode: Mode

    @property
    def num_features(self) -> int:
        """N: the largest feature id + 1."""
        return max(self.feature_normalizations, default=0) + 1


class Component(nn.Module):
    """A node of the graph: what it reads, and the shape of what it gives."""

    out_shape: Shape

    reads_observations: ClassVar[bool] = False
    """Whether the forward takes the observations instead of sources."""

    per_row: ClassVar[bool] = True
    """Whether the output has a row for each row of the batch."""

    reads: tuple[str, ...] = ()
    """Outputs beside those of the sources that the forward takes, after them."""

    writes: tuple[str, ...] = ()
    """Names of the outputs that the forward returns after its own."""


def _one_source(shapes: list[Shape], dims: int | None = None) -> Shape:
    if len(shapes) != 1:
        raise ValueError(f"needs one source, got {len(shapes)}")
    if dims is not None and len(shapes[0]) != dims:
        raise ValueError(f"needs a source of {dims} dimension{'s' * (dims > 1)}, got {list(shapes[0])}")
    return shapes[0]


def _no_source(shapes: list[Shape]) -> None:
    if shapes:
        raise ValueError("reads the environment, not other components: it takes no sources")


class ObsTokenToBoxShaper(tokens.TokenBox, Component):
    """Tokens uint8 `[N, M, 3]` -> box `[N, C, W, H]`; see `TokenBox`."""

    reads_observations = True

    def __init__(self, setting: Setting, shapes: list[Shape]) -> None:
        _no_source(shapes)
        shape = (setting.num_features, setting.obs_width, setting.obs_height)
        super().__init__(*shape, mode=setting.mode)
        self.out_shape = shape


class ObservationNormalizer(Component):
    """Divides a box `[N, C, W, H]` by the normalisation of each feature, buffer `obs_norm` `[1, C, 1, 1]`."""

    obs_norm: Tensor

    def __init__(self, setting: Setting, shapes: list[Shape]) -> None:
        super().__init__()
        self.out_shape = _one_source(shapes, 3)
        vector = tokens.normalisation_vector(
            setting.feature_normalizations, setting.num_features, mode=setting.mode
        )
        self.register_buffer("obs_norm", vector.view(1, -1, 1, 1))

    @torch.no_grad()
    def update_normalization_tensor(self, factors: Tensor) -> None:
        """Divide by `factors` float `[256]`, by feature id, from now on; those of 0 or less count as 1."""
        mine = factors[: self.obs_norm.shape[1]].to(self.obs_norm)
        self.obs_norm.copy_(torch.where(mine > 0, mine, 1.0).view_as(self.obs_norm))

    def forward(self, box: Tensor) -> Tensor:
        return box / self.obs_norm


class _WeightedLayer(Component):
    """A linear or convolutional layer `_net` with its initialisation, clip bound and activation."""

    def __init__(
        self,
        setting: Setting,
        shapes: list[Shape],
        *,
        nn_params: Mapping[str, Any] | None = None,
        nonlinearity: str | None = "nn.ReLU",
        initialization: str = "Orthogonal",
        clip_scale: float = 1.0,
        l2_init_scale: float = 1.0,
        analyze_weights: bool | None = None,
    ) -> None:
        super().__init__()
        layer, self.out_shape = self._build(shapes, nn_params)
        # What it was drawn from: clip bounds go by that where it is not the largest weight.
        self.drawn_scale = initialise_layer_(layer, initialization, nonlinearity)
        self.is_orthogonal = initialization.lower() == "orthogonal"
        self.clip_scale, self.l2_init_scale = max(clip_scale, 0.0), l2_init_scale
        self.analyze_weights = analyze_weights
        self._net = layer if nonlinearity is None else nn.Sequential(layer, _activation(nonlinearity))

    @staticmethod
    def _build(
        shapes: list[Shape], nn_params: Mapping[str, Any] | None
    ) -> tuple[nn.Linear | nn.Conv2d, Shape]:
        """The layer, and the shape of its output."""
        raise NotImplementedError

    @property
    def layer(self) -> nn.Linear | nn.Conv2d:
        """The layer without what follows it."""
        layer = self._net[0] if isinstance(self._net, nn.Sequential) else self._net
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        return layer

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self._net(features)
        return out


def _activation(name: str) -> nn.Module:
    kind = getattr(nn, name.removeprefix("nn."), None) if name.startswith("nn.") else None
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ValueError(f"nonlinearity {name!r} is not a class of torch.nn, such as 'nn.ReLU'")
    return kind()


def _parameters(given: Mapping[str, Any] | None, *known: str, **defaults: Any) -> dict[str, Any]:
    """The entries of `nn_params`: all of `known` are required, those of `defaults` are not."""
    given = dict(given or {})
    missing = [name for name in known if name not in given]
    unknown = sorted(given.keys() - {*known, *defaults})
    if missing or unknown:
        problems = [f"lacks {name!r}" for name in missing] + [f"does not know {name!r}" for name in unknown]
        raise ValueError(f"nn_params {' and '.join(problems)}; it takes {', '.join((*known, *defaults))}")
    return defaults | given


class Conv2d(_WeightedLayer):
    """Convolution of `[N, C, W, H]`. The window must fit: (in + 2 padding - kernel) / stride a whole
    number."""

    @staticmethod
    def _build(shapes: list[Shape], nn_params: Mapping[str, Any] | None) -> tuple[nn.Conv2d, Shape]:
        channels, *sides = _one_source(shapes, 3)
        sizes = _parameters(nn_params, "out_channels", "kernel_size", stride=1, padding=0)
        kernels, strides, paddings = (_pair(sizes[name]) for name in ("kernel_size", "stride", "padding"))
        spatial = []
        for side, kernel, stride, padding in zip(sides, kernels, strides, paddings, strict=True):
            steps, rest = divmod(side + 2 * padding - kernel, stride)
            if steps < 0 or rest:
                raise ValueError(
                    f"a kernel of {kernel} with stride {stride} and padding {padding} does not fit a side of "
                    f"{side}: ({side} + 2*{padding} - {kernel}) / {stride} is not a whole number"
                )
            spatial.append(steps + 1)
        layer = nn.Conv2d(channels, sizes["out_channels"], kernels, strides, paddings)
        return layer, (sizes["out_channels"], *spatial)


def _pair(size: int | list[int]) -> tuple[int, int]:
    first, second = (size, size) if isinstance(size, int) else size
    return first, second


class Linear(_WeightedLayer):
    """Linear layer of `[N, in]`."""

    @staticmethod
    def _build(shapes: list[Shape], nn_params: Mapping[str, Any] | None) -> tuple[nn.Linear, Shape]:
        (width,) = _one_source(shapes, 1)
        out_features = _parameters(nn_params, "out_features")["out_features"]
        return nn.Linear(width, out_features), (out_features,)


class Flatten(Component):
    """`[N, ...]` -> `[N, product]`, in C order."""

    def __init__(self, setting: Setting, shapes: list[Shape]) -> None:
        super().__init__()
        size = 1
        for side in _one_source(shapes):
            size *= side
        self.out_shape = (size,)

    def forward(self, features: Tensor) -> Tensor:
        return features.flatten(1)


class LSTM(Component):
    """The recurrent core. The policy runs it, with its memory: see `RecurrentPolicy`."""

    def __init__(
        self, setting: Setting, shapes: list[Shape], *, nn_params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        (self.input_size,) = _one_source(shapes, 1)
        sizes = _parameters(nn_params, "hidden_size", num_layers=1)
        self.hidden_size, self.num_layers = sizes["hidden_size"], sizes["num_layers"]
        self.out_shape = (self.hidden_size,)


class ActionEmbedding(embeddings.ActionEmbedding, Component):
    """The embeddings `[A, E]` of the actions that exist; see `embeddings.ActionEmbedding`."""

    per_row = False

    def __init__(
        self, setting: Setting, shapes: list[Shape], *, nn_params: Mapping[str, Any] | None = None
    ) -> None:
        _no_source(shapes)
        sizes = _parameters(nn_params, num_embeddings=100, embedding_dim=16)
        rows = sizes["num_embeddings"]
        if setting.mode.embeddings_by_name:  # the table has no end but the actions'
            rows = max(rows, setting.joint_actions + 1)
        super().__init__(rows, sizes["embedding_dim"])
        self.out_shape = (0, sizes["embedding_dim"])


class MettaActorSingleHead(heads.BilinearHead, Component):
    """Logits `[N, A]` of the actor's features and the action embeddings; see `BilinearHead`."""

    def __init__(self, setting: Setting, shapes: list[Shape]) -> None:
        super().__init__(*_actor_sources(shapes))
        self.out_shape = (0,)


class MettaActorBig(heads.BilinearHeadBig, Component):
    """As `MettaActorSingleHead`, with `bilinear_output_dim` scores and a perceptron; see
    `BilinearHeadBig`."""

    def __init__(
        self,
        setting: Setting,
        shapes: list[Shape],
        *,
        bilinear_output_dim: int = 32,
        mlp_hidden_dim: int = 512,
    ) -> None:
        super().__init__(
            *_actor_sources(shapes), num_scores=bilinear_output_dim, mlp_hidden_dim=mlp_hidden_dim
        )
        self.out_shape = (0,)


def _actor_sources(shapes: list[Shape]) -> tuple[int, int]:
    """The widths of an actor head's two sources."""
    if [len(shape) for shape in shapes] != [1, 2]:
        raise ValueError(f"needs two sources, the actor's features and the embeddings, got {shapes}")
    return shapes[0][0], shapes[1][1]


class ObsTokenPadStrip(tokens.TokenSequence, Component):
    """Tokens uint8 `[N, M, 3]` -> tokens `[N, K, 3]` and `obs_mask` `[N, K]`; see `TokenSequence`."""

    reads_observations = True
    writes = (MASK,)

    def __init__(self, setting: Setting, shapes: list[Shape]) -> None:
        _no_source(shapes)
        super().__init__(mode=setting.mode)
        self.out_shape = (0, 3)


class ObsAttrValNorm(tokens.TokenValues, Component):
    """Divides token values by their feature's normalisation; see `TokenValues`."""

    def __init__(self, setting: Setting, shapes: list[Shape]) -> None:
        shape = _one_source(shapes, 2)
        normalisations = setting.feature_normalizations
        factors = (
            tokens.normalisation_vector(normalisations, 256)
            if setting.mode.environment_normalisation
            else torch.tensor(list(normalisations), dtype=torch.float32)  # the reference takes the keys
        )
        super().__init__(factors, mode=setting.mode)
        self.out_shape = shape


class ObsAttrEmbedFourier(embeddings.FourierTokenEmbedding, Component):
    """Tokens `[N, K, 3]` -> `[N, K, D + 4 F + 1]`; see `FourierTokenEmbedding`."""

    def __init__(
        self, setting: Setting, shapes: list[Shape], *, attr_embed_dim: int = 12, num_freqs: int = 6
    ) -> None:
        _one_source(shapes, 2)
        super().__init__(attr_embed_dim, num_freqs, mode=setting.mode)
        self.out_shape = (0, self.output_dim)


class ObsAttrCoordEmbed(embeddings.CoordinateTokenEmbedding, Component):
    """Tokens `[N, K, 3]` -> `[N, K, D + 1]`; see `CoordinateTokenEmbedding`."""

    def __init__(self, setting: Setting, shapes: list[Shape], *, attr_embed_dim: int = 12) -> None:
        _one_source(shapes, 2)
        super().__init__(attr_embed_dim, mode=setting.mode)
        self.out_shape = (0, self.output_dim)


class ObsAttrCoordValueEmbed(embeddings.CategoricalTokenEmbedding, Component):
    """Tokens `[N, K, 3]` of whole bytes -> `[N, K, D]`; see `CategoricalTokenEmbedding`."""

    def __init__(self, setting: Setting, shapes: list[Shape], *, attr_embed_dim: int = 12) -> None:
        _one_source(shapes, 2)
        super().__init__(attr_embed_dim, mode=setting.mode)
        self.out_shape = (0, self.output_dim)


class ObsLatentAttn(attention.LatentCrossAttention, Component):
    """Tokens `[N, K, F]` -> latents `[N, Q, out_dim]` or `[N, out_dim]`; see `LatentCrossAttention`."""

    def __init__(
        self,
        setting: Setting,
        shapes: list[Shape],
        *,
        out_dim: int,
        use_mask: bool = False,
        num_query_tokens: int = 1,
        query_token_dim: int = 32,
        num_heads: int = 1,
        num_layers: int = 1,
        qk_dim: int | None = None,
        mlp_ratio: float = 4.0,
        use_cls_token: bool = False,
    ) -> None:
        super().__init__(
            _one_source(shapes, 2)[1],
            out_dim,
            embed_dim=query_token_dim,
            qk_dim=qk_dim,
            num_heads=num_heads,
            num_layers=num_layers,
            num_query_tokens=num_query_tokens,
            use_cls_token=use_cls_token,
            mlp_ratio=mlp_ratio,
            mode=setting.mode,
        )
        self.out_shape = (out_dim,) if use_cls_token else (num_query_tokens, out_dim)
        self.reads = (MASK,) if use_mask else ()


class ObsSelfAttn(attention.LatentSelfAttention, Component):
    """Latents `[N, Q, D]` -> `[N, out_dim]`; see `LatentSelfAttention`."""

    def __init__(
        self,
        setting: Setting,
        shapes: list[Shape],
        *,
        out_dim: int,
        num_heads: int = 1,
        num_layers: int = 1,
        use_cls_token: bool = True,
    ) -> None:
        width = _one_source(shapes, 2)[1]
        super().__init__(
            width, out_dim, num_heads=num_heads, num_layers=num_layers, use_cls_token=use_cls_token
        )
        self.out_shape = (out_dim,)


KINDS: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (
        ActionEmbedding, Conv2d, Flatten, Linear, LSTM, MettaActorBig, MettaActorSingleHead,
        ObsAttrCoordEmbed, ObsAttrCoordValueEmbed, ObsAttrEmbedFourier, ObsAttrValNorm, ObsLatentAttn,
        ObsSelfAttn, ObsTokenPadStrip, ObsTokenToBoxShaper, ObservationNormalizer,
    )
}  # fmt: skip
