"""Initial weights of the blocks, as the reference policies have them."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


@torch.no_grad()
def initialise_core_(core: nn.RNNBase, gain: float = 1.0, bias: float = 1.0) -> None:
    """Initialise every layer of an LSTM or GRU in place, as the reference's recurrent core.

    Each weight matrix `[4H, in]` (a GRU's: `[3H, in]`) is orthogonal with `gain` over the gates together (not
    gate by gate), each bias vector is constant. torch adds two bias vectors per gate, so the effective bias
    is `2 * bias`.
    """
    for name, parameter in core.named_parameters():
        if name.startswith("weight_"):
            nn.init.orthogonal_(parameter, gain)
        else:
            nn.init.constant_(parameter, bias)


@torch.no_grad()
def orthogonal_embedding_(weight: Tensor) -> None:
    """Make an embedding table `[rows, E]` orthogonal, scaled so that its largest magnitude is 0.1."""
    nn.init.orthogonal_(weight)
    weight.mul_(0.1 / weight.abs().max())


@torch.no_grad()
def initialise_layer_(
    layer: nn.Linear | nn.Conv2d, name: str = "Orthogonal", nonlinearity: str | None = "nn.ReLU"
) -> float:
    """Initialise a linear or convolutional layer in place, as a component of the reference; the bias is 0.

    Args:
        layer: its weight is `[out, in]` or `[out, in, k, k]`.
        name: "Orthogonal" (over `[out, in * k * k]`; gain sqrt(2) before "nn.Tanh", else 1), "Xavier"
            (uniform), "Normal" (std sqrt(2 / in)) or "max_0_01" (uniform within 0.01); case does not matter.
        nonlinearity: what follows the layer.

    Returns:
        The scale that clip bounds are a share of: for "Orthogonal" the largest weight *with its sign*, else
        the bound or the standard deviation of the distribution.

    Raises:
        ValueError: another name.
    """
    fan_out, fan_in = layer.weight.shape[:2]  # channels only: the reference leaves out the kernel's area
    weight = layer.weight

    def orthogonal() -> float:
        nn.init.orthogonal_(weight, math.sqrt(2) if nonlinearity == "nn.Tanh" else 1.0)
        return float(weight.max())

    def xavier() -> float:
        nn.init.xavier_uniform_(weight)
        return math.sqrt(6 / (fan_in + fan_out))

    def normal() -> float:
        std = math.sqrt(2 / fan_in)
        nn.init.normal_(weight, 0.0, std)
        return std

    def small() -> float:
        nn.init.uniform_(weight, -0.01, 0.01)
        return 0.01

    known: dict[str, Callable[[], float]] = {
        "orthogonal": orthogonal, "xavier": xavier, "normal": normal, "max_0_01": small,
    }  # fmt: skip
    if name.lower() not in known:
        raise ValueError(f"initialization {name!r} is not one of Orthogonal, Xavier, Normal, max_0_01")
    largest = known[name.lower()]()
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return largest
