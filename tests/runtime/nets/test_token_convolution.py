"""Sums over tokens give what box and convolution give."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from policyfix.runtime.modes import SOUND
from policyfix.runtime.nets import token_convolution as module
from policyfix.runtime.nets.token_convolution import convolve_tokens
from policyfix.runtime.nets.tokens import TokenBox


def tokens(rows: int, count: int, seed: int, padded: bool) -> Tensor:
    """Tokens of few cells and features, so that many meet; some outside the box, or of unknown features."""
    torch.manual_seed(seed)
    drawn = torch.stack(
        [
            torch.randint(0, 3, (rows, count)) * 16 * 6 + torch.randint(0, 13, (rows, count)),
            torch.randint(0, 5, (rows, count)),
            torch.randint(0, 256, (rows, count)),
        ],
        dim=-1,
    ).to(torch.uint8)
    if padded:
        drawn[torch.rand(rows, count) < 0.5] = 255
        drawn[0] = 255
        drawn[-1, 0] = torch.tensor([254, 1, 9])
    return drawn


@pytest.fixture(autouse=True)
def few_rows_too(monkeypatch) -> None:
    monkeypatch.setattr(module, "_FEWEST_ROWS", 1)


def weights(convolution: nn.Conv2d) -> list[Tensor]:
    return list(convolution.parameters())


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 4),
    count=st.sampled_from([1, 30, 255, 300]),
    side=st.sampled_from([(11, 11), (14, 11), (13, 12), (5, 8)]),
    seed=st.integers(0, 1000),
    padded=st.booleans(),
    bias=st.booleans(),
)
def test_it_equals_the_convolution_of_the_box(rows, count, side, seed, padded, bias) -> None:
    observations = tokens(rows, count, seed, padded)
    box, convolution = TokenBox(4, *side), nn.Conv2d(4, 6, 5, stride=3, bias=bias)
    scale = torch.rand(4) + 1
    expected = convolution(box(observations, scale))
    gradient = torch.randn_like(expected)
    expected_gradients = torch.autograd.grad(expected, weights(convolution), gradient)

    got = convolve_tokens(box, convolution, observations, scale)
    assert_near(got, expected)
    for one, other in zip(
        torch.autograd.grad(got, weights(convolution), gradient), expected_gradients, strict=True
    ):
        assert_near(one, other)
    with torch.no_grad():
        assert torch.equal(convolve_tokens(box, convolution, observations, scale), got)


def assert_near(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, atol=4e-6 * expected.abs().max().item(), rtol=0)


def test_a_row_without_tokens_is_the_bias() -> None:
    convolution = nn.Conv2d(4, 6, 5, stride=3)
    out = convolve_tokens(
        TokenBox(4, 11, 11), convolution, torch.full((2, 7, 3), 255, dtype=torch.uint8), torch.ones(4)
    )
    assert torch.equal(out, convolution.bias.view(1, -1, 1, 1).expand_as(out))
    out.sum().backward()
    assert not convolution.weight.grad.any()
    assert (convolution.bias.grad == 2 * 9).all()


@pytest.mark.parametrize("switch", ["padding_leaves_cells", "tokens_stay_inside", "no_warning_in_forward"])
def test_it_is_the_convolution_of_the_box_where_the_mode_wants_it(switch) -> None:
    box = TokenBox(4, 11, 11, mode=replace(SOUND, **{switch: False}))
    convolution, observations = nn.Conv2d(4, 6, 5, stride=3), tokens(3, 20, 0, True)
    observations[..., 0] = observations[..., 0].where(observations[..., 0] == 255, 0x21)
    observations[..., 1] %= 4
    scale = torch.rand(4) + 1
    got = convolve_tokens(box, convolution, observations, scale)
    assert torch.equal(got, convolution(box(observations, scale)))


def test_autocast_lowers_it() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = convolve_tokens(
            TokenBox(4, 11, 11), nn.Conv2d(4, 6, 5, stride=3), tokens(3, 20, 0, True), torch.ones(4)
        )
    assert out.dtype == torch.bfloat16


def test_what_is_no_token_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        convolve_tokens(
            TokenBox(4, 11, 11), nn.Conv2d(4, 6, 5, stride=3), torch.zeros(2, 7, 3), torch.ones(4)
        )


def test_parts_make_the_whole(monkeypatch) -> None:
    observations, scale, results = tokens(7, 30, 0, True), torch.rand(4) + 1, []
    convolution = nn.Conv2d(4, 6, 5, stride=3)
    for rows, outputs in ((100, 1000), (3, 10)):
        monkeypatch.setattr(module, "_ROWS", rows)
        monkeypatch.setattr(module, "_OUTPUTS", outputs)
        out = convolve_tokens(TokenBox(4, 11, 11), convolution, observations, scale)
        results.append([out, *torch.autograd.grad(out.square().sum(), weights(convolution))])
    (out, *gradients), (out_of_parts, *gradients_of_parts) = results
    assert torch.equal(out, out_of_parts)
    for one, other in zip(gradients, gradients_of_parts, strict=True):
        assert_near(one, other)


def test_transforms_of_functions_differentiate_it() -> None:
    box, convolution, observations, scale = (
        TokenBox(4, 11, 11),
        nn.Conv2d(4, 6, 5, stride=3),
        tokens(3, 20, 0, True),
        torch.ones(4),
    )

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = convolution

        def forward(self) -> Tensor:
            return convolve_tokens(box, self.convolution, observations, scale).sum()

    def total(weight: Tensor) -> Tensor:
        return torch.func.functional_call(First(), {"convolution.weight": weight}, ())

    got = torch.func.grad(total)(convolution.weight.detach())
    (expected,) = torch.autograd.grad(
        convolve_tokens(box, convolution, observations, scale).sum(), convolution.weight
    )
    assert_near(got, expected)
