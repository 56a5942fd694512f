"""A GRU that forgets where an episode begins, inside a BPTT sequence too."""

import torch
from torch import Tensor, nn

from .at_hand import is_at_hand
from .lstm import _erase, _layer_weights


class MaskedGRU(nn.RNNBase):
    """The parameters of an `nn.GRU`, under the same names, run by `masked_gru`.

    Not an `nn.GRU`, because `torch.compile(fullgraph=True)` refuses every module that is one.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__("GRU", input_size, hidden_size, num_layers)

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, ...], resets: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `masked_gru`."""
        return masked_gru(self, inputs, state, resets)


def masked_gru(
    gru: nn.RNNBase, inputs: Tensor, state: tuple[Tensor, ...], resets: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run `gru` over `inputs`; a row's state is zeroed before the steps at which its episode begins.

    One call of torch's kernel for each stretch in which no row is reset; on accelerators and under a
    compiler, where looking for those stretches would wait for values, one for each step.

    Args:
        gru: a `MaskedGRU` or `nn.GRU` that gives the parameters; its `batch_first` plays no part.
        inputs: `[B, T, I]`, T >= 1.
        state: `(h,)` before the first step, h `[L, B, H]`.
        resets: bool `[B, T]`; true where the state is zero *before* the step consumes its input. Gradients do
            not pass a reset either. None: no resets.

    Returns:
        The outputs `[B, T, H]` of the last layer, and `(h,)` `[L, B, H]` after the last step.

    Raises:
        ValueError: `gru` is of another kind, bidirectional, or has dropout.
    """
    if gru.mode != "GRU" or gru.bidirectional or gru.dropout:
        raise ValueError("masked_gru runs a unidirectional GRU without dropout")
    (h,) = state
    h, sequence, steps = h.to(inputs.dtype), inputs.transpose(0, 1), inputs.shape[1]
    weights = [weight for layer in range(gru.num_layers) for weight in _layer_weights(gru, layer)]
    outputs = []
    starts = [0] if resets is None else _stretches(resets)
    for start, end in zip(starts, [*starts[1:], steps], strict=True):
        if resets is not None:
            (h,) = _erase((h,), resets[:, start])
        stretch, h = torch._VF.gru(
            sequence[start:end], h, weights, gru.bias, gru.num_layers, 0.0, gru.training, False, False
        )
        outputs.append(stretch)
    return torch.cat(outputs).transpose(0, 1), (h,)


def _stretches(resets: Tensor) -> list[int]:
    """The first step of each stretch of `resets` `[B, T]`: 0, and every step at which a row may be reset."""
    later = range(1, resets.shape[1])
    if not is_at_hand(resets):
        return [0, *later]
    anywhere = resets.any(0).numpy()
    return [0, *(step for step in later if anywhere[step])]
