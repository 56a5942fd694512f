import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from policyfix.runtime.nets import gru as module
from policyfix.runtime.nets.gru import MaskedGRU, masked_gru
from policyfix.runtime.nets.gru_layer import gru_layer


def stepped(gru: nn.GRU, inputs: Tensor, h: Tensor, resets: Tensor) -> tuple[Tensor, Tensor]:
    """The definition, by torch's own module."""
    outputs = []
    for step in range(inputs.shape[1]):
        h = torch.where(resets[None, :, step, None], torch.zeros_like(h), h)
        out, h = gru(inputs[:, step : step + 1], h)
        outputs.append(out)
    return torch.cat(outputs, dim=1), h


def by_layers(gru: nn.GRU, inputs: Tensor, state: tuple[Tensor], resets: Tensor | None):
    outputs, h = module._layer_by_layer(gru, inputs.transpose(0, 1), *state, resets)
    return outputs.transpose(0, 1), (h,)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 4),
    steps=st.integers(1, 8),
    layers=st.integers(1, 2),
    bias=st.booleans(),
    density=st.sampled_from([None, 0.0, 0.2, 1.0]),
    seed=st.integers(0, 1000),
)
def test_it_equals_single_steps_of_an_erased_state(rows, steps, layers, bias, density, seed) -> None:
    torch.manual_seed(seed)
    gru = nn.GRU(3, 5, layers, bias, batch_first=True).double()
    inputs = torch.randn(rows, steps, 3, dtype=torch.float64, requires_grad=True)
    h = torch.randn(layers, rows, 5, dtype=torch.float64, requires_grad=True)
    resets = None if density is None else torch.rand(rows, steps) < density
    expected, expected_last = stepped(
        gru, inputs, h, torch.zeros(rows, steps, dtype=torch.bool) if resets is None else resets
    )
    weights = [inputs, h, *gru.parameters()]
    wanted = torch.autograd.grad(expected.square().sum() + expected_last.sin().sum(), weights)
    for run in (masked_gru, by_layers):
        outputs, (last,) = run(gru, inputs, (h,), resets)
        torch.testing.assert_close((outputs, last), (expected, expected_last), atol=1e-12, rtol=0)
        got = torch.autograd.grad(outputs.square().sum() + last.sin().sum(), weights)
        torch.testing.assert_close(got, wanted, atol=1e-12, rtol=0)


def test_the_operator_for_compilers_is_what_torch_wants_of_one() -> None:
    torch.manual_seed(0)
    shapes = [(3, 2, 5), (2, 6), (18, 5), (18, 6), (18,), (18,)]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    torch.library.opcheck(gru_layer, (*given, torch.rand(3, 2) < 0.4))


def test_bfloat16_autocast_stays_near_float32() -> None:
    torch.manual_seed(0)
    gru, inputs, h = MaskedGRU(16, 16, 2), torch.randn(4, 8, 16), torch.randn(2, 4, 16)
    resets = torch.rand(4, 8) < 0.2
    expected, _ = gru(inputs, (h,), resets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, (last,) = gru(inputs.bfloat16(), (h,), resets)
        got = torch.autograd.grad(outputs.float().square().sum(), gru.weight_hh_l1)
    assert (outputs.dtype, last.dtype) == (torch.bfloat16, torch.bfloat16)
    assert (outputs.float() - expected).abs().max() < 2e-2
    wanted = torch.autograd.grad(expected.square().sum(), gru.weight_hh_l1)
    torch.testing.assert_close(got, wanted, rtol=2e-2, atol=2e-2)


def test_a_reset_erases_even_nan() -> None:
    h = torch.full((1, 2, 5), float("nan"))
    outputs, _ = MaskedGRU(3, 5)(torch.zeros(2, 3, 3), (h,), torch.tensor([[True, False, False]] * 2))
    assert outputs.isfinite().all()


def test_other_cores_are_refused() -> None:
    for core in (nn.LSTM(3, 5), nn.GRU(3, 5, bidirectional=True), nn.GRU(3, 5, 2, dropout=0.5)):
        with pytest.raises(ValueError, match="unidirectional GRU without dropout"):
            masked_gru(core, torch.zeros(1, 1, 3), (torch.zeros(1, 1, 5),))
