import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from policyfix.runtime import clip_weights
from policyfix.runtime.weights import InitialWeights, LayerBounds, weight_metrics


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "linear": nn.Linear(4, 3),
            "nested": nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv1d(1, 2, 3, bias=False)),
            "lstm": nn.LSTM(3, 3),
            "embedding": nn.Embedding(5, 3),
            "norm": nn.LayerNorm(3),
        }
    )


COVERED = {"linear.weight", "linear.bias", "nested.0.weight", "nested.0.bias", "nested.1.weight"}


@given(st.floats(1e-3, 2.0))
def test_clipping_is_a_clamp_of_linear_and_convolutional_parameters_in_place(clip_range: float) -> None:
    module = model()
    before = {name: (parameter, parameter.detach().clone()) for name, parameter in module.named_parameters()}
    clip_weights(module, clip_range)
    for name, parameter in module.named_parameters():
        same, old = before[name]
        assert parameter is same
        assert parameter.requires_grad
        assert parameter.grad_fn is None
        assert torch.equal(parameter, old.clamp(-clip_range, clip_range) if name in COVERED else old)


def test_a_clip_between_optimizer_steps_keeps_the_optimizer_working() -> None:
    module = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        clip_weights(module, 0.25)
    assert (module.weight == -0.25).all()


def test_clip_range_0_is_off_and_negative_is_refused() -> None:
    module = model()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    clip_weights(module, 0.0)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    with pytest.raises(ValueError, match="clip_range"):
        clip_weights(module, -0.1)


def test_bounds_per_layer_are_scaled_and_signed_as_asked() -> None:
    module = nn.ModuleDict({"one": nn.Linear(2, 1), "two": nn.Linear(2, 1), "off": nn.Linear(2, 1)})
    with torch.no_grad():
        for layer in module.values():
            layer.weight.copy_(torch.tensor([[-0.5, 0.25]]))
    scales = {"two": 3.0, "off": 0.0}
    for magnitude, largest in ((True, 0.5), (False, 0.25)):
        clipped = copy.deepcopy(module)
        bounds = LayerBounds(clipped, scales, magnitude=magnitude)
        with torch.no_grad():
            for layer in clipped.values():
                layer.weight.copy_(torch.tensor([[-9.0, 9.0]]))
        bounds.clip(clipped, 0.0)
        assert clipped["one"].weight.abs().max() == 9
        bounds.clip(clipped, 0.5)
        assert clipped["one"].weight.tolist() == [[-largest / 2, largest / 2]]
        assert clipped["two"].weight.tolist() == [[-largest * 1.5, largest * 1.5]]
        assert clipped["off"].weight.tolist() == [[-9.0, 9.0]]
    with pytest.raises(ValueError, match="no linear or convolutional layer is called three"):
        LayerBounds(module, {"three": 1.0})
    with pytest.raises(ValueError, match="clip scale of one"):
        LayerBounds(module, {"one": -1.0})


def test_distance_to_the_initial_weights_has_the_gradient_of_a_square() -> None:
    module = model()
    initial = InitialWeights(module)
    assert initial.distance(module) == 0
    with torch.no_grad():
        module["linear"].weight += 2
        module["linear"].bias += 5  # biases are not regularised
        module["embedding"].weight += 5
        module["nested"][0].weight -= 1
    distance = initial.distance(module)
    assert distance.item() == pytest.approx(4 * 12 + 18, rel=1e-5)
    distance.backward()
    torch.testing.assert_close(module["linear"].weight.grad, torch.full((3, 4), 4.0))
    torch.testing.assert_close(module["nested"][0].weight.grad, torch.full((2, 1, 3, 3), -2.0))
    assert module["linear"].bias.grad is None
    initial.update(module)
    assert initial.distance(module) == 0


def test_a_layer_without_initial_weights_is_named() -> None:
    module = model()
    initial = InitialWeights(module)
    module["late"] = nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match=r"late\.weight.*update_l2_init_weight_copy"):
        initial.distance(module)


def test_metrics_tell_shape_norm_and_effective_rank() -> None:
    module = nn.ModuleDict({"full": nn.Linear(4, 3), "one": nn.Linear(5, 3), "none": nn.Linear(2, 2)})
    module["conv"] = nn.Conv1d(2, 2, 1)
    with torch.no_grad():
        module["full"].weight.copy_(torch.eye(3, 4) * 2)
        module["one"].weight.copy_(torch.ones(3, 5))
        module["none"].weight.zero_()
    records = {record["name"]: record for record in weight_metrics(module)}
    assert set(records) == {"full.weight", "one.weight", "none.weight"}
    assert [records[name]["effective_rank"] for name in ("full.weight", "one.weight", "none.weight")] == [
        3,
        1,
        0,
    ]
    assert records["full.weight"]["shape"] == (3, 4)
    assert records["full.weight"]["norm"] == pytest.approx(12**0.5)


def test_effective_rank_counts_the_directions_that_carry_all_but_delta() -> None:
    module = nn.ModuleList([nn.Linear(3, 3)])
    with torch.no_grad():
        module[0].weight.copy_(torch.diag(torch.tensor([90.0, 9.0, 1.0])))
    assert [weight_metrics(module, delta)[0]["effective_rank"] for delta in (0.0, 0.005, 0.05, 0.5)] == [
        3,
        3,
        2,
        1,
    ]
    with pytest.raises(ValueError, match="delta"):
        weight_metrics(module, 1.0)
