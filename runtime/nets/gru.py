"""A GRU that forgets where an episode begins, inside a BPTT sequence too."""

import torch
from torch import Tensor, nn

from .gru_layer import gru_layer
from .initialisation import initialise_core_
from .lstm import _erase, _layer_weights, check_shapes


class MaskedGRU(nn.RNNBase):
    """The parameters of an `nn.GRU`, under the same names, run by `masked_gru`.

    They start as the contract asks of every core: orthogonal weights, biases of 1 (see `initialise_core_`).

    Not an `nn.GRU`, because `torch.compile(fullgraph=True)` refuses every module that is one.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__("GRU", input_size, hidden_size, num_layers)
        initialise_core_(self)

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, ...], resets: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `masked_gru`."""
        return masked_gru(self, inputs, state, resets)


def masked_gru(
    gru: nn.RNNBase, inputs: Tensor, state: tuple[Tensor, ...], resets: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run `gru` over `inputs`; a row's state is zeroed before the steps at which its episode begins.

    By torch's kernel where there is one step or no reset. Sequences with resets, and those that are compiled,
    go by an operator of our own, layer by layer (`gru_layer`), in the precision of the weights, under
    autocast too; where torch.func transforms the call, which that operator does not know, step by step.

    Args:
        gru: a `MaskedGRU` or `nn.GRU` that gives the parameters; its `batch_first` plays no part.
        inputs: `[B, T, I]`, T >= 1.
        state: `(h,)` before the first step, h `[L, B, H]`.
        resets: bool `[B, T]`; true where the state is zero *before* the step consumes its input. Gradients do
            not pass a reset either. None: no resets.

    Returns:
        The outputs `[B, T, H]` of the last layer, and `(h,)` `[L, B, H]` after the last step.

    Raises:
        ValueError: `gru` is of another kind, bidirectional, or has dropout; other shapes.
    """
    if gru.mode != "GRU" or gru.bidirectional or gru.dropout:
        raise ValueError("masked_gru runs a unidirectional GRU without dropout")
    check_shapes(gru, inputs, state, resets)
    (h,) = state
    h, sequence = h.to(inputs.dtype), inputs.transpose(0, 1)
    is_eager = not torch.compiler.is_compiling()
    one_by_one = is_eager and torch._C._are_functorch_transforms_active()
    if len(sequence) > 1 and not one_by_one and not (is_eager and resets is None):
        outputs, h = _layer_by_layer(gru, sequence, h, resets)
        return outputs.transpose(0, 1), (h,)
    weights = [weight for layer in range(gru.num_layers) for weight in _layer_weights(gru, layer)]
    parts = []
    for step, part in enumerate([sequence] if resets is None else torch.split(sequence, 1)):
        if resets is not None:
            (h,) = _erase((h,), resets[:, step])
        part, h = torch._VF.gru(part, h, weights, gru.bias, gru.num_layers, 0.0, gru.training, False, False)
        parts.append(part)
    return torch.cat(parts).transpose(0, 1), (h,)


def _layer_by_layer(
    gru: nn.RNNBase, sequence: Tensor, h: Tensor, resets: Tensor | None
) -> tuple[Tensor, Tensor]:
    dtype = _layer_weights(gru, 0)[0].dtype
    outputs, h = sequence.to(dtype), h.to(dtype)
    if resets is None:
        resets = torch.zeros(sequence.shape[1::-1], dtype=torch.bool, device=sequence.device)
    last = []
    for layer in range(gru.num_layers):
        weight_ih, weight_hh, *biases = _layer_weights(gru, layer)
        biases = biases or [weight_ih.new_zeros(len(weight_ih))] * 2
        outputs, *_ = gru_layer(outputs, h[layer], weight_ih, weight_hh, *biases, resets.t())
        last.append(outputs[-1])
    return outputs.to(sequence.dtype), torch.stack(last).to(sequence.dtype)
