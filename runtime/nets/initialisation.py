"""Initial weights of the blocks, as the reference policies have them."""

import torch
from torch import nn


@torch.no_grad()
def initialise_lstm_(lstm: nn.RNNBase, gain: float = 1.0, bias: float = 1.0) -> None:
    """Initialise every layer of `lstm` in place, as the reference's recurrent core.

    Each weight matrix `[4H, in]` is orthogonal with `gain` over the four gates together (not gate by gate),
    each bias vector `[4H]` is constant. torch adds two bias vectors per gate, so the effective bias
    is `2 * bias`.
    """
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_"):
            nn.init.orthogonal_(parameter, gain)
        else:
            nn.init.constant_(parameter, bias)
