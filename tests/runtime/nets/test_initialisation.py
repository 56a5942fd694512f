import torch

from policyfix.runtime import MaskedLSTM
from policyfix.runtime.nets.initialisation import initialise_lstm_


def test_weights_are_orthogonal_over_all_gates_and_biases_constant() -> None:
    lstm = MaskedLSTM(12, 16, 2)
    initialise_lstm_(lstm)
    for layer in range(2):
        for name in ("ih", "hh"):
            weight = getattr(lstm, f"weight_{name}_l{layer}")
            torch.testing.assert_close(weight.T @ weight, torch.eye(weight.shape[1]), atol=1e-5, rtol=0)
            assert (getattr(lstm, f"bias_{name}_l{layer}") == 1).all()
            assert weight.requires_grad


def test_gain_and_bias_are_parameters() -> None:
    lstm = MaskedLSTM(4, 4)
    initialise_lstm_(lstm, gain=2.0, bias=0.5)
    assert torch.linalg.svdvals(lstm.weight_hh_l0.detach()).sub(2).abs().max() < 1e-5
    assert (lstm.bias_ih_l0 == 0.5).all()
