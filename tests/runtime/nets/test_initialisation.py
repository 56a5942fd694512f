import pytest
import torch
from torch import nn

from policyfix.runtime import MaskedGRU, MaskedLSTM
from policyfix.runtime.nets.initialisation import initialise_core_, initialise_layer_


@pytest.mark.parametrize("kind", [MaskedLSTM, MaskedGRU])
def test_weights_of_cores_are_orthogonal_over_all_gates_and_biases_constant(kind) -> None:
    core = kind(12, 16, 2)
    for layer in range(2):
        for name in ("ih", "hh"):
            weight = getattr(core, f"weight_{name}_l{layer}")
            torch.testing.assert_close(weight.T @ weight, torch.eye(weight.shape[1]), atol=1e-5, rtol=0)
            assert (getattr(core, f"bias_{name}_l{layer}") == 1).all()
            assert weight.requires_grad


def test_gain_and_bias_are_parameters() -> None:
    lstm = MaskedLSTM(4, 4)
    initialise_core_(lstm, gain=2.0, bias=0.5)
    assert torch.linalg.svdvals(lstm.weight_hh_l0.detach()).sub(2).abs().max() < 1e-5
    assert (lstm.bias_ih_l0 == 0.5).all()


@pytest.mark.parametrize("layer", [nn.Linear(6, 8), nn.Conv2d(6, 8, 3)])
@pytest.mark.parametrize("nonlinearity", ["nn.ReLU", "nn.Tanh", None])
def test_layers_start_orthogonal_with_the_gain_of_what_follows(layer, nonlinearity) -> None:
    largest = initialise_layer_(layer, "Orthogonal", nonlinearity)
    singular = torch.linalg.svdvals(layer.weight.detach().flatten(1))
    gain = 2**0.5 if nonlinearity == "nn.Tanh" else 1.0
    torch.testing.assert_close(singular, torch.full_like(singular, gain))
    assert largest == layer.weight.max().item()
    assert (layer.bias == 0).all()


def test_other_initialisations_return_the_scale_of_their_distribution() -> None:
    layer = nn.Conv2d(20, 30, 3)
    assert initialise_layer_(layer, "XAVIER") == pytest.approx((6 / 50) ** 0.5)
    assert layer.weight.abs().max() <= (6 / (9 * 50)) ** 0.5
    assert initialise_layer_(layer, "normal") == pytest.approx(0.1**0.5)
    assert layer.weight.std().item() == pytest.approx(0.1**0.5, rel=0.1)
    assert initialise_layer_(layer, "max_0_01") == 0.01
    assert 0.009 < layer.weight.abs().max() <= 0.01
    with pytest.raises(ValueError, match="'He'"):
        initialise_layer_(layer, "He")
