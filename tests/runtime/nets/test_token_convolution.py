"""The sum of table rows gives what box and convolution give."""

import copy
import pickle
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from policyfix.runtime.modes import SOUND
from policyfix.runtime.nets.token_convolution import TokenConvolution
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


def sums(conv: TokenConvolution, *inputs) -> Tensor:
    with torch.no_grad():
        out = conv(*inputs)
    assert conv._table is not None
    return out


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 4),
    count=st.sampled_from([1, 30, 300]),
    side=st.sampled_from([(11, 11), (14, 11), (5, 8)]),
    seed=st.integers(0, 1000),
    padded=st.booleans(),
)
def test_it_equals_the_convolution_of_the_box(rows, count, side, seed, padded) -> None:
    observations = tokens(rows, count, seed, padded)
    box, convolution = TokenBox(4, *side), nn.Conv2d(4, 6, 5, stride=3)
    scale = torch.rand(4) + 1
    expected = convolution(box(observations, scale))
    got = sums(TokenConvolution(), box, convolution, observations, scale)
    torch.testing.assert_close(got, expected, atol=2e-6 * expected.abs().max().item(), rtol=0)


def test_every_change_of_the_weights_counts() -> None:
    box, convolution, observations = TokenBox(4, 11, 11), nn.Conv2d(4, 6, 5, stride=3), tokens(3, 20, 0, True)
    fast, scale = TokenConvolution(), torch.ones(4)
    sums(fast, box, convolution, observations, scale)
    convolution.weight.data.mul_(2)  # no version of the parameter tells of this
    convolution.bias.data.add_(1)
    expected = convolution(box(observations, scale))
    torch.testing.assert_close(
        sums(fast, box, convolution, observations, scale), expected, atol=1e-3, rtol=1e-5
    )


def test_it_is_the_convolution_where_a_gradient_is_asked_for_or_the_mode_wants_it() -> None:
    convolution, observations, scale = nn.Conv2d(4, 6, 5, stride=3), tokens(3, 20, 0, True), torch.ones(4)
    fast = TokenConvolution()
    fast(TokenBox(4, 11, 11), convolution, observations, scale).sum().backward()
    assert convolution.weight.grad.any()
    with torch.no_grad():
        fast(
            TokenBox(4, 11, 11, mode=replace(SOUND, padding_leaves_cells=False)),
            convolution,
            observations,
            scale,
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fast(TokenBox(4, 11, 11), convolution, observations, scale)
    assert fast._table is None


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), lambda one: one.to("meta")]
)
def test_the_table_stays_behind(copied) -> None:
    fast = TokenConvolution()
    sums(fast, TokenBox(4, 11, 11), nn.Conv2d(4, 6, 5, stride=3), tokens(3, 20, 0, True), torch.ones(4))
    assert not fast.state_dict()
    assert copied(fast)._table is None
