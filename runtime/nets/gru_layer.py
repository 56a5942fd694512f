"""One GRU layer over a sequence, with resets, as an operator of its own: for compilers, see `lstm_layer`."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@torch.library.custom_op("policyfix::gru_layer", mutates_args=())
def gru_layer(
    inputs: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
    resets: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs `[T, B, H]` after each step, and what only the gradient needs: the gates r, z, n `[T, B, 3 H]`
    and the state's share in n `[T, B, H]`, before r scales it.

    `inputs` `[T, B, I]`; `h` `[B, H]` before the first step; weights and biases as in `nn.GRU`; `resets` bool
    `[T, B]`: where the state is zero before a step. All of one floating dtype.
    """
    with torch.autocast(inputs.device.type, enabled=False):
        size = h.shape[1]
        gates = F.linear(inputs, weight_ih, bias_ih)
        outputs, shares = (gates.new_empty(*inputs.shape[:2], size) for _ in range(2))
        for step, reset in enumerate(resets.unsqueeze(-1)):
            h = h.masked_fill(reset, 0.0)
            of_state = F.linear(h, weight_hh, bias_hh)
            r, z = gates[step, :, : 2 * size].add_(of_state[:, : 2 * size]).sigmoid_().chunk(2, dim=1)
            share = shares[step].copy_(of_state[:, 2 * size :])
            n = gates[step, :, 2 * size :].addcmul_(r, share).tanh_()
            h = torch.lerp(n, h, z, out=outputs[step])
        return outputs, gates, shares


@torch.library.custom_op("policyfix::gru_layer_backward", mutates_args=())
def _gru_layer_backward(
    of_outputs: Tensor,
    inputs: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    resets: Tensor,
    outputs: Tensor,
    gates: Tensor,
    shares: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of inputs, h, both weights and both biases, of those of the outputs."""
    with torch.autocast(inputs.device.type, enabled=False):
        erased = resets.unsqueeze(-1)
        h_before = torch.cat([h.unsqueeze(0), outputs[:-1]]).masked_fill(erased, 0.0)
        r, z, n = gates.chunk(3, dim=-1)
        # What the gradient of an output is multiplied with on its way to the sums of the gates.
        to_n = (1 - z) * (1 - n * n)
        of_sums = torch.stack([to_n * shares * r * (1 - r), (h_before - n) * z * (1 - z), to_n * r], dim=2)
        of_h, of_steps = torch.zeros_like(h), torch.empty_like(outputs)
        for step in range(len(inputs) - 1, -1, -1):
            of_step = torch.add(of_h, of_outputs[step], out=of_steps[step])
            of_sum = of_sums[step].mul_(of_step.unsqueeze(1)).flatten(1)
            of_h = torch.addcmul(of_sum @ weight_hh, of_step, z[step]).masked_fill(erased[step], 0.0)
        # The sums with the inputs differ from those with the state in n, where r scales the state's.
        of_given = torch.cat([of_sums[:, :, :2].flatten(2), of_steps * to_n], dim=-1)
        by_inputs, by_state = of_given.flatten(0, 1).t(), of_sums.flatten(2).flatten(0, 1).t()
        return (
            of_given @ weight_ih,
            of_h,
            by_inputs @ inputs.flatten(0, 1),
            by_state @ h_before.flatten(0, 1),
            by_inputs.sum(1),
            by_state.sum(1),
        )


@gru_layer.register_fake
def _(inputs: Tensor, h: Tensor, *_others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    rows, size = inputs.shape[:2], h.shape[1]
    outputs, shares = (inputs.new_empty(*rows, size) for _ in range(2))
    return outputs, inputs.new_empty(*rows, 3 * size), shares


@_gru_layer_backward.register_fake
def _(
    of_outputs: Tensor, inputs: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, *_saved: Tensor
) -> tuple[Tensor, ...]:
    parts = (inputs, h, weight_ih, weight_hh, weight_ih[:, 0], weight_hh[:, 0])
    return tuple(part.new_empty(part.shape) for part in parts)


def _save(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    sequence, h, weight_ih, weight_hh, _, _, resets = inputs
    ctx.save_for_backward(sequence, h, weight_ih, weight_hh, resets, *output)


def _differentiate(ctx: Any, of_outputs: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    return *_gru_layer_backward(of_outputs, *ctx.saved_tensors), None


gru_layer.register_autograd(_differentiate, setup_context=_save)
