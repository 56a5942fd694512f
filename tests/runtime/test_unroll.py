"""What mended forwards are made of: an LSTM call with memory."""

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from policyfix.runtime import StateStore

BATCH, STEPS, FEATURES, HIDDEN = 3, 4, 5, 6


@pytest.fixture(params=[False, True], ids=["time first", "batch first"])
def lstm(request: pytest.FixtureRequest) -> nn.LSTM:
    torch.manual_seed(0)
    return nn.LSTM(FEATURES, HIDDEN, 2, batch_first=request.param)


def laid_out(lstm: nn.LSTM, sequences: Tensor) -> Tensor:
    """`[B, T, *]` as the LSTM wants it, and back."""
    return sequences if lstm.batch_first else sequences.transpose(0, 1)


def frame(*lead: int, **entries: Tensor) -> TensorDict:
    return TensorDict({"env_obs": torch.zeros(*lead, 1), **entries}, lead)


def test_steps_of_a_rollout_add_up_to_the_sequence(lstm: nn.LSTM) -> None:
    store, sequences = StateStore(2, HIDDEN), torch.randn(BATCH, STEPS, FEATURES)
    expected, (h, c) = lstm(laid_out(lstm, sequences))
    for step in range(STEPS):
        inputs = laid_out(lstm, sequences[:, step : step + 1])
        outputs, state = store.unroll(lstm, inputs, frame(BATCH), training=False)
        wanted = laid_out(lstm, laid_out(lstm, expected)[:, step : step + 1])
        torch.testing.assert_close(outputs, wanted)
    torch.testing.assert_close(state, (h, c))
    torch.testing.assert_close(store.recall(frame(BATCH), BATCH), (h.detach(), c.detach()))
    assert not store.recall(frame(BATCH), BATCH)[0].requires_grad


def test_a_done_zeroes_its_row_before_the_step_inside_a_sequence_too(lstm: nn.LSTM) -> None:
    store, sequences = StateStore(2, HIDDEN), torch.randn(BATCH, STEPS, FEATURES)
    dones = torch.zeros(BATCH, STEPS)
    dones[1, 2] = 1
    td = frame(BATCH * STEPS, dones=dones.flatten())  # flattened, as forwards do
    outputs, _ = store.unroll(lstm, laid_out(lstm, sequences), td, training=True)
    fresh, _ = lstm(laid_out(lstm, sequences[:, 2:]))
    whole, _ = lstm(laid_out(lstm, sequences))
    rows = laid_out(lstm, outputs)
    torch.testing.assert_close(rows[1, 2:], laid_out(lstm, fresh)[1])
    torch.testing.assert_close(rows[[0, 2]], laid_out(lstm, whole)[[0, 2]])


def test_training_starts_from_the_groups_state_where_it_is_named_and_keeps_nothing(lstm: nn.LSTM) -> None:
    store, sequences = StateStore(2, HIDDEN), torch.randn(BATCH, STEPS, FEATURES)
    inputs = laid_out(lstm, sequences)
    store.unroll(lstm, inputs[:, :1] if lstm.batch_first else inputs[:1], frame(BATCH), training=False)
    before = store.get_memory()
    unnamed, _ = store.unroll(lstm, inputs, frame(BATCH, STEPS), training=True)
    torch.testing.assert_close(unnamed, lstm(inputs)[0])
    named = frame(BATCH, STEPS, training_env_id_start=torch.zeros(BATCH, STEPS, dtype=torch.int64))
    carried, _ = store.unroll(lstm, inputs, named, training=True)
    torch.testing.assert_close(carried, lstm(inputs, store.recall(named, BATCH))[0])
    assert not torch.allclose(carried, unnamed)
    torch.testing.assert_close(store.get_memory(), before)


def test_a_given_state_takes_the_place_of_the_store(lstm: nn.LSTM) -> None:
    store, inputs = StateStore(2, HIDDEN), laid_out(lstm, torch.randn(BATCH, 1, FEATURES))
    given = (torch.randn(2, BATCH, HIDDEN), torch.randn(2, BATCH, HIDDEN))
    outputs, state = store.unroll(lstm, inputs, frame(BATCH), given, training=False)
    expected, expected_state = lstm(inputs, given)
    torch.testing.assert_close((outputs, state), (expected, expected_state))
    assert store.get_memory() == {}
