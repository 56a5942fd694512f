"""An LSTM that forgets where an episode begins, inside a BPTT sequence too.

Four ways lead to the same numbers:

- *fused*: no reset after the first step, one call of torch's kernel for the whole sequence;
- *control columns* (CPU): every later reset becomes one extra step of the sequence, on which saturated gates
  erase the state, so the sequence is still one kernel call per layer;
- *layer by layer* (under a compiler): an operator of our own, because torch's is unrolled there;
- *step loop* (other devices): one kernel call per step, the state erased in between. It is the definition
  that the tests hold the others to.

None of them reads a value back from an accelerator.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .at_hand import is_at_hand
from .initialisation import initialise_core_
from .lstm_layer import lstm_layer

# Rows of a rollout that are stepped at once, on CPUs.
_ROWS = 512

# Far enough out for the sigmoid to be exactly 0 or 1 in every floating dtype, and in reach of float16.
_SATURATION = 1e4


def _has_onednn(precision: str) -> bool:
    # Builds without oneDNN, as for Apple's processors, do not have the question either.
    return torch._C._has_mkldnn and bool(getattr(torch.ops.mkldnn, f"_is_mkldnn_{precision}_supported")())


# Under autocast torch asks oneDNN for an LSTM in low precision, and fails where the processor has none.
_LOW_PRECISION = {torch.bfloat16: _has_onednn("bf16"), torch.float16: _has_onednn("fp16")}


class MaskedLSTM(nn.RNNBase):
    """The parameters of an `nn.LSTM`, under the same names, run by `masked_lstm`.

    They start as the reference's core: orthogonal weights, biases of 1 (see `initialise_core_`).

    Not an `nn.LSTM`, because `torch.compile(fullgraph=True)` refuses every module that is one.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__("LSTM", input_size, hidden_size, num_layers)
        initialise_core_(self)

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, Tensor], resets: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """As `masked_lstm`."""
        return masked_lstm(self, inputs, state, resets)


def masked_lstm(
    lstm: nn.RNNBase,
    inputs: Tensor,
    state: tuple[Tensor, Tensor],
    resets: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run `lstm` over `inputs`; a row's state is zeroed before the steps at which its episode begins.

    Args:
        lstm: a `MaskedLSTM` or `nn.LSTM` that gives the parameters; its `batch_first` plays no part. Neither
            bidirectional nor projected, and without dropout.
        inputs: `[B, T, I]`, T >= 1.
        state: (h, c) before the first step, each `[L, B, H]`.
        resets: bool `[B, T]`; true where the state is zero *before* the step consumes its input. Gradients do
            not pass a reset either. None: no resets.

    Returns:
        The outputs `[B, T, H]` of the last layer, and (h, c) `[L, B, H]` after the last step.

    Under autocast on a processor that has no LSTM in that precision, the core runs in its parameters' own.

    Raises:
        ValueError: `lstm` is of another kind, bidirectional, projected, or has dropout; other shapes.
    """
    if lstm.mode != "LSTM" or lstm.bidirectional or lstm.proj_size or lstm.dropout:
        raise ValueError("masked_lstm runs a unidirectional LSTM without proj_size and without dropout")
    check_shapes(lstm, inputs, state, resets)
    on_cpu = inputs.device.type == "cpu"
    if on_cpu and torch.is_autocast_enabled("cpu") and not _LOW_PRECISION[torch.get_autocast_dtype("cpu")]:
        with torch.autocast("cpu", enabled=False):
            return masked_lstm(lstm, inputs.to(_layer_weights(lstm, 0)[0].dtype), state, resets)
    h, c = (part.to(inputs.dtype) for part in state)
    sequence = inputs.transpose(0, 1)
    if torch.compiler.is_compiling() and len(sequence) > 1:
        outputs, h, c = _layer_by_layer(lstm, sequence, h, c, resets)
        return outputs.transpose(0, 1), (h, c)
    if resets is not None:
        h, c = _erase((h, c), resets[:, 0])
    later = None if resets is None or len(sequence) == 1 else resets[:, 1:].transpose(0, 1)
    if len(sequence) == 1:
        outputs, h, c = _single(lstm, sequence, h, c)
    elif later is None:
        outputs, h, c = _fused(lstm, sequence, h, c)
    elif not is_at_hand(inputs):
        outputs, h, c = _step_loop(lstm, sequence, h, c, later)
    elif most := int(later.sum(0).numpy().max()):
        outputs, h, c = _control_columns(lstm, sequence, h, c, later, most)
    else:
        outputs, h, c = _fused(lstm, sequence, h, c)
    return outputs.transpose(0, 1), (h, c)


def check_shapes(core: nn.RNNBase, inputs: Tensor, state: tuple[Tensor, ...], resets: Tensor | None) -> None:
    """Raises ValueError for what `core` cannot run on: its kernel would read past the end of a state."""
    if inputs.dim() != 3 or inputs.shape[1] < 1 or inputs.shape[2] != core.input_size:
        raise ValueError(f"inputs must be [B, T, I={core.input_size}], T >= 1, got {list(inputs.shape)}")
    wanted = (core.num_layers, inputs.shape[0], core.hidden_size)
    for part in state:
        if part.shape != wanted:
            raise ValueError(f"the state must be [L, B, H] = {list(wanted)}, got {list(part.shape)}")
    if resets is not None and (resets.shape != inputs.shape[:2] or resets.dtype != torch.bool):
        raise ValueError(
            f"resets must be bool [B, T] = {list(inputs.shape[:2])}, got {resets.dtype} {list(resets.shape)}"
        )


def _layer_weights(lstm: nn.RNNBase, layer: int) -> list[Tensor]:
    """W_ih, W_hh and, with bias, b_ih, b_hh. Read by name, so that parametrised weights count too."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if lstm.bias else 2]
    # An attribute of a module is found by way of an exception, which a rollout step would feel.
    own: Mapping[str, Any] = lstm._parameters
    full_names = [f"{name}_l{layer}" for name in names]
    return [own[name] if name in own else getattr(lstm, name) for name in full_names]


def _fused(lstm: nn.RNNBase, sequence: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """torch's kernel on `[T, B, I]`, without `nn.LSTM.forward`, which `torch.compile` refuses."""
    weights = [weight for layer in range(lstm.num_layers) for weight in _layer_weights(lstm, layer)]
    outputs, h, c = torch._VF.lstm(
        sequence, (h, c), weights, lstm.bias, lstm.num_layers, 0.0, lstm.training, False, False
    )
    return outputs, h, c


def _single(lstm: nn.RNNBase, sequence: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One step, `sequence` `[1, B, I]`.

    By hand without gradient on the CPU, where torch's kernel, which lays out the weights anew in every call,
    takes a quarter to a third longer.
    """
    if (
        not is_at_hand(sequence)
        or sequence.dtype != lstm.weight_ih_l0.dtype
        or torch.is_grad_enabled()
        or torch.is_autocast_enabled("cpu")
    ):
        return _fused(lstm, sequence, h, c)
    layers = [_layer_weights(lstm, layer) for layer in range(lstm.num_layers)]
    states = (h, c, torch.empty_like(h), torch.empty_like(c))
    if sequence.shape[1] <= _ROWS:
        _step(layers, sequence[0], *states)
    else:
        # In parts whose gates stay in the cache: whole, they are memory that the system gives anew.
        split = (torch.split(part, _ROWS, dim=-2) for part in (sequence[0], *states))
        for parts in zip(*split, strict=True):
            _step(layers, *parts)
    return states[2][-1:], states[2], states[3]


def _step(layers: list[list[Tensor]], outputs: Tensor, *states: Tensor) -> None:
    """One step on `[B, I]`; `states` are h and c, each `[L, B, H]`, and what takes the new ones."""
    parts = zip(layers, *(state.unbind() for state in states), strict=True)
    for (weight_ih, weight_hh, *biases), h, c, next_h, next_c in parts:
        gates = F.linear(outputs, weight_ih, biases[0] + biases[1] if biases else None)
        i, f, g, o = gates.addmm_(h, weight_hh.t()).chunk(4, dim=1)
        # tanh(x) = 1 - 2 sigmoid(-2 x), which takes half the time of torch's tanh.
        g.mul_(-2)
        gates.sigmoid_()
        torch.addcmul(i, f, c, out=next_c).addcmul_(i, g, value=-2)
        outputs = torch.addcmul(o, o, (-2 * next_c).sigmoid_(), value=-2, out=next_h)


def _erase(state: tuple[Tensor, ...], rows: Tensor) -> tuple[Tensor, ...]:
    """`state`, of parts `[L, B, H]`, with zeros in the rows where `rows` `[B]` is true, even over NaN."""
    if not is_at_hand(rows):
        return tuple(part.masked_fill(rows.unsqueeze(1), 0.0) for part in state)
    # There few rows are written faster than a mask is applied.
    erased = np.flatnonzero(rows.numpy())
    if not erased.size:
        return state
    return torch.stack(state).index_fill_(2, torch.from_numpy(erased), 0.0).unbind()


def _layer_by_layer(
    lstm: nn.RNNBase, sequence: Tensor, h: Tensor, c: Tensor, resets: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """In the precision of the weights, under autocast too."""
    dtype = _layer_weights(lstm, 0)[0].dtype
    outputs, h, c = sequence.to(dtype), h.to(dtype), c.to(dtype)
    if resets is None:
        resets = torch.zeros(sequence.shape[1::-1], dtype=torch.bool, device=sequence.device)
    last_h, last_c = [], []
    for layer in range(lstm.num_layers):
        weight_ih, weight_hh, *biases = _layer_weights(lstm, layer)
        bias = biases[0] + biases[1] if biases else weight_ih.new_zeros(len(weight_ih))
        outputs, cells, _ = lstm_layer(outputs, h[layer], c[layer], weight_ih, weight_hh, bias, resets.t())
        last_h.append(outputs[-1])
        last_c.append(cells[-1])
    return outputs.to(sequence.dtype), torch.stack(last_h), torch.stack(last_c)


def _step_loop(
    lstm: nn.RNNBase, sequence: Tensor, h: Tensor, c: Tensor, later: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition: erase, step, erase, step. `later` bool `[T - 1, B]` holds the resets from step 1 on."""
    outputs, h, c = _fused(lstm, sequence[:1], h, c)
    steps = [outputs]
    for step in range(1, sequence.shape[0]):
        h, c = _erase((h, c), later[step - 1])
        outputs, h, c = _fused(lstm, sequence[step : step + 1], h, c)
        steps.append(outputs)
    return torch.cat(steps), h, c


def _control_columns(
    lstm: nn.RNNBase, sequence: Tensor, h: Tensor, c: Tensor, later: Tensor, most: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The same numbers as `_step_loop` in one kernel call per layer, on a sequence `most` steps longer.

    Before each reset a row gets an empty step. Every layer's input has two columns more: *erase*, which pulls
    the gates i, f and o to exactly 0, so that c = 0*c + 0*g and h = 0*tanh(c) are exactly zero and so are
    the gradients through them; and *keep*, which pulls i to 0 and f to 1, so that c stays as it is on the
    steps that fill up the end of rows with fewer than `most` resets.

    Exact while pre-activations are small beside 1e4. A state that is NaN or infinite is *not* erased
    (0 * inf is NaN): it shows in the outputs instead of vanishing.
    """
    steps, batch_size, _ = sequence.shape
    hidden_size, length = lstm.hidden_size, steps + most
    passed = torch.cat([later.new_zeros(1, batch_size), later]).cumsum(0)  # resets up to each step [T, B]
    place = torch.arange(steps).unsqueeze(1) + passed  # where each step stands in the longer sequence
    rows = (place * batch_size + torch.arange(batch_size)).flatten()

    empty = torch.ones(length * batch_size, dtype=torch.bool).index_fill(0, rows, False)
    keep = torch.arange(length).unsqueeze(1) >= steps + passed[-1]
    erase = empty.view(length, batch_size) & ~keep
    control = torch.stack([erase, keep], dim=-1).to(sequence.dtype)
    gates = sequence.new_tensor([[-1.0, -1.0], [-1.0, 1.0], [0.0, 0.0], [-1.0, 0.0]])  # i, f, g, o
    columns = (_SATURATION * gates).repeat_interleave(hidden_size, dim=0)

    stretched = sequence.new_zeros(length * batch_size, sequence.shape[-1])
    outputs = stretched.index_copy(0, rows, sequence.flatten(0, 1)).view(length, batch_size, -1)
    last_h, last_c = [], []
    for layer in range(lstm.num_layers):
        weight_ih, *others = _layer_weights(lstm, layer)
        outputs, _, layer_c = torch._VF.lstm(
            torch.cat([outputs, control], dim=-1),
            (h[layer : layer + 1], c[layer : layer + 1]),
            [torch.cat([weight_ih, columns], dim=-1), *others],
            lstm.bias, 1, 0.0, lstm.training, False, False,
        )  # fmt: skip
        last_h.append(outputs.flatten(0, 1).index_select(0, rows[-batch_size:]))
        last_c.append(layer_c)
    outputs = outputs.flatten(0, 1).index_select(0, rows).view(steps, batch_size, hidden_size)
    return outputs, torch.stack(last_h), torch.cat(last_c)
