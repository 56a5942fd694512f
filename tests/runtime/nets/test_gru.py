import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from policyfix.runtime.nets.gru import MaskedGRU, masked_gru


def stepped(gru: nn.GRU, inputs: Tensor, h: Tensor, resets: Tensor) -> tuple[Tensor, Tensor]:
    """The definition, by torch's own module."""
    outputs = []
    for step in range(inputs.shape[1]):
        h = torch.where(resets[None, :, step, None], torch.zeros_like(h), h)
        out, h = gru(inputs[:, step : step + 1], h)
        outputs.append(out)
    return torch.cat(outputs, dim=1), h


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 4),
    steps=st.integers(1, 8),
    layers=st.integers(1, 2),
    density=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 1000),
)
def test_it_equals_single_steps_of_an_erased_state(rows, steps, layers, density, seed) -> None:
    torch.manual_seed(seed)
    own = MaskedGRU(3, 5, layers).double()
    reference = nn.GRU(3, 5, layers, batch_first=True).double()
    reference.load_state_dict(own.state_dict())
    inputs = torch.randn(rows, steps, 3, dtype=torch.float64, requires_grad=True)
    h = torch.randn(layers, rows, 5, dtype=torch.float64, requires_grad=True)
    resets = torch.rand(rows, steps) < density
    outputs, (last,) = own(inputs, (h,), resets)
    expected, expected_last = stepped(reference, inputs, h, resets)
    torch.testing.assert_close((outputs, last), (expected, expected_last), atol=1e-12, rtol=0)
    got = torch.autograd.grad(outputs.sum() + last.square().sum(), [inputs, h, *own.parameters()])
    wanted = torch.autograd.grad(
        expected.sum() + expected_last.square().sum(), [inputs, h, *reference.parameters()]
    )
    torch.testing.assert_close(got, wanted, atol=1e-12, rtol=0)


def test_a_reset_erases_even_nan() -> None:
    h = torch.full((1, 2, 5), float("nan"))
    outputs, _ = MaskedGRU(3, 5)(torch.zeros(2, 3, 3), (h,), torch.tensor([[True, False, False]] * 2))
    assert outputs.isfinite().all()


def test_other_cores_are_refused() -> None:
    for core in (nn.LSTM(3, 5), nn.GRU(3, 5, bidirectional=True), nn.GRU(3, 5, 2, dropout=0.5)):
        with pytest.raises(ValueError, match="unidirectional GRU without dropout"):
            masked_gru(core, torch.zeros(1, 1, 3), (torch.zeros(1, 1, 5),))
