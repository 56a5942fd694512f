"""What keeps weights near: clipping, the distance to the initial weights, and the metrics that show both."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

_CLIPPED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_REGULARISED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


@torch.no_grad()
def clip_weights(module: nn.Module, clip_range: float) -> None:
    """Clamp weight and bias of every Linear, Conv1d and Conv2d in `module` to `[-clip_range, clip_range]`.

    In place: the parameters keep their identity, so optimizers keep theirs. Recurrent cores, embeddings,
    normalisations and bare parameters are left alone, as in the reference. A range of 0 switches it off.

    Raises ValueError for a negative range.
    """
    if not _clips(clip_range):
        return
    for _, layer in _clipped_layers(module):
        layer.weight.clamp_(-clip_range, clip_range)
        if layer.bias is not None:
            layer.bias.clamp_(-clip_range, clip_range)


def _clips(clip_range: float) -> bool:
    """Whether a range is not 0; raises ValueError for a negative one."""
    if clip_range < 0:
        raise ValueError(f"clip_range must be 0 (off) or positive, got {clip_range}")
    return clip_range > 0


def _clipped_layers(module: nn.Module) -> Iterator[tuple[str, nn.Linear | nn.Conv1d | nn.Conv2d]]:
    for name, layer in module.named_modules():
        if isinstance(layer, _CLIPPED):
            yield name, layer


class LayerBounds(nn.Module):
    """A clip range of its own for every Linear, Conv1d and Conv2d of a module, as in the reference's graph.

    A layer's weights stay within `clip_range * scale * largest`, where `largest` is the largest weight that
    the layer had at the start. Biases are free. `largest` is a buffer, float32 `[layers]`, in the
    `state_dict`: a policy that goes on from a checkpoint keeps its bounds.
    """

    largest: Tensor

    def __init__(
        self, module: nn.Module, scales: Mapping[str, float] | None = None, *, magnitude: bool = True
    ) -> None:
        """Measure the present weights of `module`.

        Args:
            module: the same that `clip` is called with later.
            scales: layer name -> factor of its bound, 1 where none is given; 0 leaves the layer alone.
            magnitude: whether the largest weight is the one of largest magnitude. The reference takes the
                largest *signed* one, which is smaller in half of all layers.

        Raises ValueError for a negative scale, or a name that is no layer of `module`.
        """
        super().__init__()
        layers = dict(_clipped_layers(module))
        self.scales = dict(scales or {})
        if unknown := self.scales.keys() - layers.keys():
            raise ValueError(f"no linear or convolutional layer is called {', '.join(sorted(unknown))}")
        if low := [name for name, scale in self.scales.items() if scale < 0]:
            raise ValueError(f"the clip scale of {', '.join(low)} must be 0 (off) or positive")
        self.names = list(layers)
        weights = [layer.weight.detach() for layer in layers.values()]
        largest = [(weight.abs() if magnitude else weight).max().float() for weight in weights]
        self.register_buffer("largest", torch.stack(largest) if largest else torch.zeros(0))

    @torch.no_grad()
    def clip(self, module: nn.Module, clip_range: float) -> None:
        """Clamp the weights of `module` to their bounds, in place; a range of 0 switches it off.

        Raises ValueError for a negative range.
        """
        if not _clips(clip_range):
            return
        layers = dict(_clipped_layers(module))
        for name, largest in zip(self.names, self.largest.double().unbind(), strict=True):
            scale = self.scales.get(name, 1.0)
            if scale > 0:
                weight = layers[name].weight
                bound = (clip_range * largest * scale).to(weight.dtype)
                weight.clamp_(-bound, bound)


class InitialWeights(nn.Module):
    """A copy of the weights of every linear and convolutional layer of a module, to measure drift from.

    Buffers: they follow the module to its device, and the distance goes on where a checkpoint left off. From
    a checkpoint without them `absent` becomes true, and the owner takes what it has loaded as initial.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.absent = False
        self.update(module)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take the present weights of `module` as the initial ones."""
        for name, weight in _regularised_weights(module):
            self.register_buffer(name, weight.detach().clone())
        self.absent = False

    def distance(self, module: nn.Module) -> Tensor:
        """Sum of (W - W_initial)^2 over all covered weights: a scalar that carries gradient.

        Raises RuntimeError when a layer was added after the copy was made.
        """
        total = torch.zeros((), device=next(module.parameters()).device)
        for name, weight in _regularised_weights(module):
            initial = self._buffers.get(name)
            if initial is None:
                raise RuntimeError(
                    f"no initial weights for {name.replace('/', '.')}: call "
                    "update_l2_init_weight_copy() at the end of the constructor that adds layers"
                )
            total = total + (weight - initial).square().sum()
        return total

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        self.absent = not any(name.startswith(prefix) for name in state_dict)
        if not self.absent:
            super()._load_from_state_dict(state_dict, prefix, *args)


def weight_metrics(module: nn.Module, delta: float = 0.01) -> list[dict[str, Any]]:
    """One record per Linear of `module`: `name`, `shape`, `norm` (Frobenius), `effective_rank`.

    The effective rank is the smallest k whose k largest singular values make up 1 - `delta` of the sum of
    all (srank of Kumar et al., "Implicit Under-Parameterization Inhibits Data-Efficient Deep RL", 2021);
    0 for a zero matrix. Waits for the device: not for the hot path.

    Raises ValueError unless 0 <= delta < 1.
    """
    if not 0 <= delta < 1:
        raise ValueError(f"delta must be in [0, 1), got {delta}")
    return [
        {
            "name": f"{name}.weight",
            "shape": tuple(layer.weight.shape),
            "norm": float(layer.weight.detach().norm()),
            "effective_rank": _effective_rank(layer.weight.detach(), delta),
        }
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear)
    ]


def _effective_rank(weight: Tensor, delta: float) -> int:
    share = torch.linalg.svdvals(weight.double()).cumsum(0)
    if share[-1] == 0:
        return 0
    # Rounding may keep the last share a hair below 1, and the rank of a full matrix above its size.
    return min(int((share < (1 - delta) * share[-1]).sum()) + 1, len(share))


def _regularised_weights(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(name, weight) of each covered layer; a buffer's name may not hold dots, hence the slashes."""
    for name, layer in module.named_modules():
        if isinstance(layer, _REGULARISED):
            yield f"{name}.weight".replace(".", "/"), layer.weight
