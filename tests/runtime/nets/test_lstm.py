import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from policyfix.runtime import MaskedLSTM, masked_lstm
from policyfix.runtime.nets import lstm as module
from policyfix.runtime.nets.lstm_layer import lstm_layer

State = tuple[Tensor, Tensor]


def naive(lstm: nn.LSTM, inputs: Tensor, state: State, resets: Tensor) -> tuple[Tensor, State]:
    """Row by row and episode by episode through `nn.LSTM` itself."""
    outputs = torch.zeros(*inputs.shape[:2], lstm.hidden_size, dtype=inputs.dtype)
    last_h, last_c = state[0].clone(), state[1].clone()
    for row in range(inputs.shape[0]):
        h, c = state[0][:, row], state[1][:, row]
        for step in range(inputs.shape[1]):
            if resets[row, step]:
                h, c = torch.zeros_like(h), torch.zeros_like(c)
            out, (h, c) = lstm(inputs[row, step : step + 1], (h, c))
            outputs[row, step] = out[0]
        last_h[:, row], last_c[:, row] = h, c
    return outputs, (last_h, last_c)


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.LSTM, Tensor, State, Tensor]:
    layers, hidden, width = draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 7))
    rows, steps = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    torch.manual_seed(draw(st.integers(0, 1000)))
    lstm = nn.LSTM(width, hidden, layers, bias=draw(st.booleans())).double()
    inputs = torch.randn(rows, steps, width, dtype=torch.float64)
    state = (torch.randn(layers, rows, hidden).double(), torch.randn(layers, rows, hidden).double())
    resets = torch.rand(rows, steps) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    return lstm, inputs, state, resets


@settings(max_examples=60, deadline=None)
@given(cases())
def test_every_path_agrees_with_the_naive_reference_in_values_and_gradients(
    case: tuple[nn.LSTM, Tensor, State, Tensor],
) -> None:
    lstm, inputs, state, resets = case

    def loop(lstm: nn.LSTM, inputs: Tensor, state: State, resets: Tensor) -> tuple[Tensor, State]:
        h, c = module._erase(state, resets[:, 0])
        outputs, h, c = module._step_loop(lstm, inputs.transpose(0, 1), h, c, resets[:, 1:].transpose(0, 1))
        return outputs.transpose(0, 1), (h, c)

    def layers(lstm: nn.LSTM, inputs: Tensor, state: State, resets: Tensor) -> tuple[Tensor, State]:
        outputs, h, c = module._layer_by_layer(lstm, inputs.transpose(0, 1), *state, resets)
        return outputs.transpose(0, 1), (h, c)

    weights = list(lstm.parameters())
    expected = None
    for run in (naive, masked_lstm, loop, layers):
        leaves = [inputs.clone().requires_grad_(), *(part.clone().requires_grad_() for part in state)]
        outputs, (h, c) = run(lstm, leaves[0], (leaves[1], leaves[2]), resets)
        torch.manual_seed(0)
        loss = sum((torch.randn(part.shape, dtype=part.dtype) * part).sum() for part in (outputs, h, c))
        got = [outputs, h, c, *torch.autograd.grad(loss, [*leaves, *weights])]
        if expected is None:
            expected = got
        for one, other in zip(got, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_a_step_without_gradient_agrees_too_and_leaves_the_state_as_it_is(
    case: tuple[nn.LSTM, Tensor, State, Tensor],
) -> None:
    lstm, inputs, state, resets = case
    before = [part.clone() for part in state]
    with torch.no_grad():
        outputs, after = masked_lstm(lstm, inputs[:, :1], state, resets[:, :1])
        expected = naive(lstm, inputs[:, :1], state, resets[:, :1])
        torch.testing.assert_close((outputs, after), expected)
        plain = masked_lstm(lstm, inputs[:, :1], state, None)
    torch.testing.assert_close(plain[0], lstm(inputs[:, 0].unsqueeze(0), state)[0].transpose(0, 1))
    assert all(torch.equal(one, other) for one, other in zip(state, before, strict=True))


def test_a_step_of_many_rows_is_that_of_torch() -> None:
    lstm, rows = nn.LSTM(5, 3, num_layers=2).double(), 1100  # more than are stepped at once
    inputs = torch.randn(rows, 1, 5, dtype=torch.float64)
    state = (torch.randn(2, rows, 3, dtype=torch.float64), torch.randn(2, rows, 3, dtype=torch.float64))
    with torch.no_grad():
        outputs, after = masked_lstm(lstm, inputs, state, None)
        expected, expected_after = lstm(inputs.transpose(0, 1), state)
    torch.testing.assert_close(outputs, expected.transpose(0, 1))
    torch.testing.assert_close(after, expected_after)


def test_float32_paths_agree_to_rounding_at_the_reference_size() -> None:
    torch.manual_seed(0)
    lstm = MaskedLSTM(128, 128, 2)
    inputs = torch.randn(16, 32, 128)
    state = (torch.randn(2, 16, 128), torch.randn(2, 16, 128))
    resets = torch.rand(16, 32) < 0.1
    outputs, (h, c) = masked_lstm(lstm, inputs, state, resets)
    start = module._erase(state, resets[:, 0])
    looped, loop_h, loop_c = module._step_loop(lstm, inputs.transpose(0, 1), *start, resets[:, 1:].T)
    for one, other in ((outputs, looped.transpose(0, 1)), (h, loop_h), (c, loop_c)):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_nothing_crosses_a_reset_and_no_other_row_is_touched() -> None:
    torch.manual_seed(0)
    lstm = MaskedLSTM(3, 4, 2)
    inputs = torch.randn(3, 8, 3, requires_grad=True)
    state = (torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 3, 4, requires_grad=True))
    resets = torch.zeros(3, 8, dtype=torch.bool)
    resets[1, 5] = True
    outputs, _ = masked_lstm(lstm, inputs, state, resets)
    gradients = torch.autograd.grad(outputs[1, 5:].sum(), [inputs, *state])
    assert (gradients[0][1, :5] == 0).all()
    assert (gradients[0][1, 5:] != 0).all()
    assert (gradients[1] == 0).all()
    assert (gradients[2] == 0).all()
    plain, _ = masked_lstm(lstm, inputs, state)
    torch.testing.assert_close(outputs[[0, 2]], plain[[0, 2]], rtol=0, atol=1e-7)
    fresh, _ = masked_lstm(lstm, inputs[1:2, 5:], (torch.zeros(2, 1, 4), torch.zeros(2, 1, 4)))
    torch.testing.assert_close(outputs[1:2, 5:], fresh, rtol=0, atol=1e-6)
    assert (outputs[1, 5:] - plain[1, 5:]).abs().max() > 1e-3


def test_a_reset_heals_a_nan_state_at_the_first_step() -> None:
    lstm = MaskedLSTM(3, 4)
    state = (torch.full((1, 2, 4), torch.nan), torch.full((1, 2, 4), torch.inf))
    resets = torch.tensor([[True, False], [False, False]])
    outputs, _ = masked_lstm(lstm, torch.randn(2, 2, 3), state, resets)
    assert outputs[0].isfinite().all()
    assert outputs[1].isnan().any()


def test_the_parameters_are_those_of_torch() -> None:
    ours, theirs = MaskedLSTM(5, 4, 2), nn.LSTM(5, 4, 2)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    inputs, state = torch.randn(3, 6, 5), (torch.randn(2, 3, 4), torch.randn(2, 3, 4))
    expected, (h, c) = theirs(inputs.transpose(0, 1), state)
    outputs, (got_h, got_c) = ours(inputs, state)
    torch.testing.assert_close(outputs, expected.transpose(0, 1))
    torch.testing.assert_close((got_h, got_c), (h, c))


@pytest.mark.parametrize(
    "core",
    [
        nn.LSTM(3, 4, bidirectional=True),
        nn.LSTM(3, 4, 2, dropout=0.1),
        nn.LSTM(3, 4, proj_size=2),
        nn.GRU(3, 4),
    ],
)
def test_cores_that_would_give_other_numbers_are_refused(core: nn.RNNBase) -> None:
    with pytest.raises(ValueError, match="unidirectional LSTM"):
        masked_lstm(core, torch.zeros(1, 1, 3), (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4)))


def test_bfloat16_autocast_stays_near_float32() -> None:
    torch.manual_seed(0)
    lstm = MaskedLSTM(16, 16, 2)
    inputs, state = torch.randn(4, 10, 16), (torch.zeros(2, 4, 16), torch.zeros(2, 4, 16))
    resets = torch.rand(4, 10) < 0.3
    expected, _ = masked_lstm(lstm, inputs, state, resets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, _ = masked_lstm(lstm, inputs, state, resets)
    assert (outputs.float() - expected).abs().max() < 2e-2


def test_the_operator_for_compilers_is_what_torch_wants_of_one() -> None:
    torch.manual_seed(0)
    shapes = [(3, 2, 5), (2, 6), (2, 6), (24, 5), (24, 6), (24,)]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    torch.library.opcheck(lstm_layer, (*given, torch.rand(3, 2) < 0.4))
