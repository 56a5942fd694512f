import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from policyfix.runtime.modes import REFERENCE
from policyfix.runtime.nets.embeddings import (
    ActionEmbedding,
    CategoricalTokenEmbedding,
    CoordinateTokenEmbedding,
    FourierTokenEmbedding,
)

TOKEN = torch.tensor([[[16 * 7 + 12, 3, 200]]], dtype=torch.uint8)


def test_a_fourier_token_is_embedding_place_value() -> None:
    net = FourierTokenEmbedding(5, 3)
    x, y = 7 / 10 * 2 - 1, 12 / 10 * 2 - 1
    place = [f(z * w) for z in (x, y) for f in (math.cos, math.sin) for w in (1, 2, 4)]
    (token,) = net(TOKEN)[0]
    assert torch.equal(token[:5], net._attr_embeds.weight[3])
    torch.testing.assert_close(token[5:], torch.tensor([*place, 200.0]))
    assert net.output_dim == len(token) == 18


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize("out", [None, 6])
def test_projected_tokens_are_tokens_normalised_and_projected(out: int | None, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    embedding, norm = FourierTokenEmbedding(5, 3), nn.LayerNorm(18)
    with torch.no_grad():
        for parameter in [*embedding.parameters(), *norm.parameters()]:
            parameter.add_(torch.randn_like(parameter))
    weight = None if out is None else torch.randn(out, 18, requires_grad=True)
    tokens = torch.randint(0, 256, (4, 300, 3)).to(dtype)
    if dtype == torch.float32:
        tokens[..., 2] /= 7
    expected = norm(embedding(tokens))
    expected = expected if weight is None else F.linear(expected, weight)
    got = embedding.projected(tokens, norm, weight)
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-5)
    inputs = [*embedding.parameters(), *norm.parameters(), *([] if weight is None else [weight])]
    upstream = torch.randn_like(got)
    for mine, theirs in zip(
        torch.autograd.grad(got, inputs, upstream),
        torch.autograd.grad(expected, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5 * theirs.abs().max().item(), rtol=1e-5)


def test_the_learnt_place_and_value_embeddings_are_added() -> None:
    net = CoordinateTokenEmbedding(5)
    (token,) = net(TOKEN)[0]
    torch.testing.assert_close(token[:5], net._attr_embeds.weight[3] + net._coord_embeds.weight[7 * 16 + 12])
    assert token[5] == 200
    net = CategoricalTokenEmbedding(5)
    (token,) = net(TOKEN)[0]
    expected = (
        net._attr_embeds.weight[3] + net._coord_embeds.weight[7 * 16 + 12] + net._val_embeds.weight[200]
    )
    torch.testing.assert_close(token, expected)


def test_the_row_of_no_feature_is_zero_except_in_the_reference_mode_and_never_trained() -> None:
    for mode, zero in ((None, True), (REFERENCE, False)):
        net = FourierTokenEmbedding(5, 3) if mode is None else FourierTokenEmbedding(5, 3, mode=mode)
        assert bool((net._attr_embeds.weight[255] == 0).all()) is zero
        net(torch.full((1, 2, 3), 255, dtype=torch.uint8)).sum().backward()
        assert (net._attr_embeds.weight.grad == 0).all()


def test_an_action_keeps_its_row_by_name() -> None:
    net = ActionEmbedding(10, 4)
    net.activate(["a_0", "b_0", "b_1"])
    assert torch.equal(net(), net._net.weight[1:4])
    net.activate(["b_1", "c_0", "a_0"])
    assert net.active_indices.tolist() == [3, 4, 1]
    assert torch.equal(net(), net._net.weight[[3, 4, 1]])


def test_a_full_table_refuses_new_names_and_stays_as_it_is() -> None:
    net = ActionEmbedding(4, 2)
    net.activate(["a", "b"])
    with pytest.raises(ValueError, match="num_embeddings to 5"):
        net.activate(["a", "b", "c", "d"])
    assert net.rows == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="twice"):
        net.activate(["a", "a"])


def test_a_checkpoint_loads_before_any_activation() -> None:
    trained = ActionEmbedding(10, 4)
    trained.activate(["a", "b", "c"])
    fresh = ActionEmbedding(10, 4)
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(), trained())


@pytest.mark.parametrize("seed", range(3))
def test_action_embeddings_start_orthogonal_and_at_most_a_tenth(seed: int) -> None:
    torch.manual_seed(seed)
    weight = ActionEmbedding()._net.weight.detach()
    assert weight.shape == (100, 16)
    torch.testing.assert_close(weight.abs().max(), torch.tensor(0.1))
    products = weight.T @ weight
    torch.testing.assert_close(products, products[0, 0] * torch.eye(16), atol=1e-6, rtol=1e-4)


def test_nothing_is_left_behind_by_a_move() -> None:
    net = nn.ModuleList([ActionEmbedding(10, 4), FourierTokenEmbedding(5, 3)]).to("meta")
    net[0].activate(["a", "b"])
    assert net[0]().device.type == "meta"
