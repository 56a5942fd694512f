"""What keeps weights near: clipping, the distance to the initial weights, and the metrics that show both."""

from collections.abc import Iterator
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
    if clip_range < 0:
        raise ValueError(f"clip_range must be 0 (off) or positive, got {clip_range}")
    if clip_range == 0:
        return
    for layer in module.modules():
        if isinstance(layer, _CLIPPED):
            layer.weight.clamp_(-clip_range, clip_range)
            if layer.bias is not None:
                layer.bias.clamp_(-clip_range, clip_range)


class InitialWeights(nn.Module):
    """A copy of the weights of every linear and convolutional layer of a module, to measure drift from.

    Buffers, so that they follow the module to its device; not persistent, so that checkpoints of policies
    that have none still load strictly.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.update(module)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take the present weights of `module` as the initial ones."""
        for name, weight in _regularised_weights(module):
            self.register_buffer(name, weight.detach().clone(), persistent=False)

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
