"""One LSTM layer over a sequence, with resets, as an operator of its own: for compilers.

`torch.compile` unrolls torch's LSTM over the sequence in training, and compiles for half an hour; this
operator it takes as it is. Forward and backward are the textbook's, but for the products with the inputs,
which are one product of matrices for the whole sequence.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@torch.library.custom_op("policyfix::lstm_layer", mutates_args=())
def lstm_layer(
    inputs: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    resets: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs and cells `[T, B, H]` after each step, and the gates `[T, B, 4 H]` (i, f, g, o), which only the
    gradient needs.

    `inputs` `[T, B, I]`; `h` and `c` `[B, H]` before the first step; weights as in `nn.LSTM`, `bias` `[4 H]`
    the sum of both; `resets` bool `[T, B]`: where the state is zero before a step. All of one floating dtype.
    """
    gates = F.linear(inputs, weight_ih, bias)
    outputs, cells = (gates.new_empty(*inputs.shape[:2], h.shape[1]) for _ in range(2))
    for step, reset in enumerate(resets.unsqueeze(-1)):
        h, c = h.masked_fill(reset, 0.0), c.masked_fill(reset, 0.0)
        i, f, g, o = gates[step].addmm_(h, weight_hh.t()).chunk(4, dim=1)
        i.sigmoid_(), f.sigmoid_(), g.tanh_(), o.sigmoid_()
        c = torch.addcmul(i * g, f, c, out=cells[step])
        h = torch.mul(o, c.tanh(), out=outputs[step])
    return outputs, cells, gates


@torch.library.custom_op("policyfix::lstm_layer_backward", mutates_args=())
def _lstm_layer_backward(
    of_outputs: Tensor,
    of_cells: Tensor,
    inputs: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    resets: Tensor,
    outputs: Tensor,
    cells: Tensor,
    gates: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of inputs, h, c, both weights and the bias, of those of outputs and cells."""
    erased = resets.unsqueeze(-1)
    h_before = torch.cat([h.unsqueeze(0), outputs[:-1]]).masked_fill(erased, 0.0)
    c_before = torch.cat([c.unsqueeze(0), cells[:-1]]).masked_fill(erased, 0.0)
    i, f, g, o = gates.chunk(4, dim=-1)
    squashed = cells.tanh()
    # What the gradient of a cell, or of an output, is multiplied with on its way to the gates' sums.
    to_cell = o * (1 - squashed * squashed)
    factors = torch.stack([g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g)], dim=2)
    to_output_gate = squashed * o * (1 - o)
    of_gates = torch.empty_like(gates)
    of_h, of_c = torch.zeros_like(h), torch.zeros_like(c)
    for step in range(len(inputs) - 1, -1, -1):
        of_h = of_h + of_outputs[step]
        of_c = torch.addcmul(of_c + of_cells[step], of_h, to_cell[step])
        of_step = of_gates[step]
        torch.mul(factors[step], of_c.unsqueeze(1), out=of_step.view(len(h), 4, -1)[:, :3])
        torch.mul(to_output_gate[step], of_h, out=of_step.view(len(h), 4, -1)[:, 3])
        of_h = (of_step @ weight_hh).masked_fill(erased[step], 0.0)
        of_c = (of_c * f[step]).masked_fill(erased[step], 0.0)
    flat = of_gates.flatten(0, 1)
    return (
        of_gates @ weight_ih,
        of_h,
        of_c,
        flat.t() @ inputs.flatten(0, 1),
        flat.t() @ h_before.flatten(0, 1),
        flat.sum(0),
    )


@lstm_layer.register_fake
def _(
    inputs: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, resets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    states = (*inputs.shape[:2], h.shape[1])
    return inputs.new_empty(states), inputs.new_empty(states), inputs.new_empty(*inputs.shape[:2], len(bias))


@_lstm_layer_backward.register_fake
def _(
    of_outputs: Tensor,
    of_cells: Tensor,
    inputs: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    *_saved: Tensor,
) -> tuple[Tensor, ...]:
    parts = (inputs, h, c, weight_ih, weight_hh, weight_ih[:, 0])
    return tuple(part.new_empty(part.shape) for part in parts)


def _save(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    sequence, h, c, weight_ih, weight_hh, _, resets = inputs
    ctx.save_for_backward(sequence, h, c, weight_ih, weight_hh, resets, *output)


def _differentiate(ctx: Any, of_outputs: Tensor, of_cells: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    return *_lstm_layer_backward(of_outputs, of_cells, *ctx.saved_tensors), None


lstm_layer.register_autograd(_differentiate, setup_context=_save)
