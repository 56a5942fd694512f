from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from policyfix.runtime.modes import REFERENCE, SOUND
from policyfix.runtime.nets.tokens import (
    TokenBox,
    TokenSequence,
    TokenValues,
    longest_row,
    normalisation_vector,
)

rows_of_tokens = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 9), st.just(3)), elements=st.integers(0, 255)
)


def rows(*tokens: tuple[int, int, int], length: int = 6) -> Tensor:
    """One row of tokens (coordinate, feature, value), padded to `length`."""
    padded = [*tokens, *[(255, 255, 255)] * (length - len(tokens))]
    return torch.tensor([padded], dtype=torch.uint8)


def at(x: int, y: int) -> int:
    return 16 * x + y


def cells(box: Tensor) -> list[tuple[int, ...]]:
    return [(*place, int(box[tuple(place)])) for place in box.nonzero().tolist()]


@settings(deadline=None, max_examples=60)
@given(rows_of_tokens, st.integers(1, 64), st.integers(1, 16), st.integers(1, 16), st.booleans())
def test_the_box_holds_every_real_token_and_nothing_else(
    tokens: np.ndarray, features: int, width: int, height: int, divide: bool
) -> None:
    scale = torch.arange(1, features + 1).float() if divide else None
    expected = torch.zeros(len(tokens), features, width, height)
    for row, sequence in enumerate(tokens.tolist()):
        for byte, feature, value in sequence:
            x, y = (width // 2, height // 2) if byte == 254 else divmod(byte, 16)
            if byte != 255 and feature < features and x < width and y < height:
                expected[row, feature, x, y] = value / (1 if scale is None else float(scale[feature]))
    observations = torch.from_numpy(tokens)
    before = observations.clone()
    box = TokenBox(features, width, height)(observations, scale)
    assert torch.equal(observations, before)
    assert torch.equal(box, expected)


@settings(deadline=None, max_examples=30)
@given(rows_of_tokens)
def test_devices_that_scatter_in_any_order_get_the_last_token_too(tokens: np.ndarray) -> None:
    observations, box = torch.from_numpy(tokens), TokenBox(24, 11, 11)
    torch._dynamo.reset()
    compiled = torch.compile(box, backend="eager", fullgraph=True, dynamic=True)
    assert torch.equal(compiled(observations), box(observations))


def test_features_lie_last_in_the_memory_of_the_box() -> None:
    box = TokenBox(5, 11, 11)(rows((at(3, 4), 1, 7)))
    assert box.is_contiguous(memory_format=torch.channels_last)


def test_a_rejected_token_spares_the_corner_except_in_the_reference_mode() -> None:
    observations = rows((at(0, 0), 0, 77), (at(3, 4), 1, 7))
    assert cells(TokenBox(24, 11, 11)(observations)) == [(0, 0, 0, 0, 77), (0, 1, 3, 4, 7)]
    assert cells(TokenBox(24, 11, 11, mode=REFERENCE)(observations)) == [(0, 1, 3, 4, 7)]


def test_a_token_beyond_the_box_is_ignored_or_in_the_reference_mode_lands_elsewhere() -> None:
    observations = rows((at(0, 11), 3, 99), (at(15, 14), 3, 98), (at(11, 0), 4, 97))
    assert cells(TokenBox(24, 11, 11)(observations)) == [(0, 3, 5, 5, 98)]  # 254 is the global coordinate
    assert cells(TokenBox(24, 11, 11, mode=REFERENCE)(observations)) == [
        (0, 3, 1, 0, 99), (0, 4, 5, 3, 98), (0, 5, 0, 0, 97),
    ]  # fmt: skip
    with pytest.raises(RuntimeError, match="2904"):
        TokenBox(24, 11, 11, mode=REFERENCE)(rows((at(11, 0), 23, 99)))


def test_unknown_features_are_named_in_the_reference_mode_only() -> None:
    observations = rows((at(1, 1), 24, 5), (at(1, 2), 254, 5))
    with pytest.warns(UserWarning, match=r"\[24, 254\]"):
        TokenBox(24, 11, 11, mode=REFERENCE)(observations)
    assert cells(TokenBox(24, 11, 11)(observations)) == []


def test_global_tokens_go_to_the_centre() -> None:
    observations = rows((254, 3, 42))
    assert cells(TokenBox(24, 11, 11)(observations)) == [(0, 3, 5, 5, 42)]
    assert cells(TokenBox(24, 13, 11)(observations)) == [(0, 3, 6, 5, 42)]
    literal = replace(SOUND, global_tokens_at_centre=False)
    assert cells(TokenBox(24, 11, 11, mode=literal)(observations)) == []
    assert cells(TokenBox(24, 16, 15, mode=literal)(observations)) == [(0, 3, 15, 14, 42)]


@settings(deadline=None, max_examples=60)
@given(rows_of_tokens, st.integers(1, 64))
def test_each_switch_of_the_box_works_alone(tokens: np.ndarray, features: int) -> None:
    tokens[tokens == 254] = 1  # global tokens have a test of their own
    observations = torch.from_numpy(tokens)
    sound = TokenBox(features, 11, 11)(observations)
    outside = replace(SOUND, tokens_stay_inside=False)
    inside = observations.clone()
    beyond = (observations[..., 0] >> 4 > 10) | (observations[..., 0] & 15 > 10)
    inside[beyond] = 255
    assert torch.equal(TokenBox(features, 11, 11, mode=outside)(inside), sound)
    erased = sound.clone()
    rejected = (inside[..., 0] == 255) | (inside[..., 1] >= features)
    for row, sequence in enumerate(tokens.tolist()):
        last = [n for n, (byte, feature, _) in enumerate(sequence) if byte == 0 and feature == 0]
        if rejected[row, (last or [0])[-1] :].any():
            erased[row, 0, 0, 0] = 0
    erasing = replace(SOUND, padding_leaves_cells=False)
    assert torch.equal(TokenBox(features, 11, 11, mode=erasing)(observations), erased)


@pytest.mark.parametrize("sizes", [(0, 11, 11), (257, 11, 11), (24, 17, 11), (24, 11, 0)])
def test_a_box_that_tokens_cannot_address_is_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="tokens address"):
        TokenBox(*sizes)


@pytest.mark.parametrize(
    "bad", [torch.zeros(2, 3), torch.zeros(2, 4, 3), torch.zeros(2, 4, 2, dtype=torch.uint8)]
)
def test_what_is_not_tokens_is_refused(bad: Tensor) -> None:
    for net in (TokenBox(3, 4, 4), TokenSequence()):
        with pytest.raises(ValueError, match=r"uint8 \[N, M, 3\]"):
            net(bad)


def test_normalisation_of_zero_or_none_counts_as_one_except_in_the_reference_mode() -> None:
    assert normalisation_vector({0: 10.0, 2: 0.0}, 4).tolist() == [10.0, 1.0, 1.0, 1.0]
    with pytest.raises(RuntimeError, match=r"\[1\]"):
        normalisation_vector({0: 10.0, 2: 0.0}, 3, mode=REFERENCE)
    assert normalisation_vector({0: 10.0, 1: 0.0}, 2, mode=REFERENCE).tolist() == [10.0, 0.0]
    with pytest.raises(ValueError, match=r"\[4\]"):
        normalisation_vector({4: 1.0}, 4)


@settings(deadline=None, max_examples=60)
@given(rows_of_tokens)
def test_a_sequence_keeps_every_real_token(tokens: np.ndarray) -> None:
    observations = torch.from_numpy(tokens)
    kept, mask = TokenSequence()(observations)
    real = (observations[..., 0] != 255) & (observations[..., 1] != 255)
    assert kept.shape[1] >= 1
    assert torch.equal(mask, ~real[:, : mask.shape[1]])
    assert not real[:, mask.shape[1] :].any()
    assert torch.equal(kept, observations[:, : kept.shape[1]])


def test_the_reference_mode_cuts_full_rows_to_their_batch_mates() -> None:
    full = rows(*[(at(1, 1), 2, 3)] * 6)
    short = rows((at(1, 1), 2, 3), (at(1, 2), 2, 3))
    together = torch.cat([full, short])
    assert TokenSequence()(together)[0].shape == (2, 6, 3)
    assert TokenSequence(mode=REFERENCE)(together)[0].shape == (2, 2, 3)
    assert TokenSequence(mode=REFERENCE)(full)[0].shape == (1, 6, 3)


def test_remapped_features_are_read_as_their_old_ids_and_unknown_ones_as_none() -> None:
    remap = torch.arange(256, dtype=torch.uint8)
    remap[5], remap[6] = 2, 255
    sequence = TokenSequence()
    sequence.update_feature_remapping(remap)
    kept, mask = sequence(rows((at(1, 1), 5, 1), (at(1, 1), 6, 1), (at(1, 1), 7, 1)))
    assert kept[0, :3, 1].tolist() == [2, 255, 7]
    assert mask[0, :3].tolist() == [False, True, False]
    with pytest.raises(ValueError, match="256"):
        sequence.update_feature_remapping(remap[:20])


def test_values_are_divided_with_a_fraction_and_as_bytes_in_the_reference_mode() -> None:
    tokens = rows((at(1, 1), 2, 7), (at(1, 1), 0, 200), (at(1, 1), 9, 200), length=3)
    factors = torch.tensor([0.0, 1.0, 2.0])
    assert TokenValues(torch.tensor([1.0, 1.0, 2.0]), mode=SOUND)(tokens)[0, :, 2].tolist() == [3.5, 200, 200]
    cut = TokenValues(factors, mode=REFERENCE)(tokens)
    assert cut.dtype == torch.uint8
    assert cut[0, :, 2].tolist() == [3, 0, 200]


def test_new_normalisations_take_effect() -> None:
    values = TokenValues(torch.ones(3))
    values.update_normalization_tensor(torch.full((256,), 4.0))
    assert values(rows((at(1, 1), 2, 7)))[0, 0, 2] == 1.75


def test_values_that_are_divided_already_stay_as_they_are() -> None:
    tokens = rows((at(1, 1), 2, 7)).float()
    before = tokens.clone()
    assert TokenValues(torch.full((3,), 2.0))(tokens)[0, 0, 2] == 3.5
    assert torch.equal(tokens, before)


@pytest.mark.parametrize(
    ("coordinates", "longest"),
    [
        ([[1, 2, 255, 255], [1, 255, 255, 255]], 2),
        ([[255, 255, 7, 255], [1, 255, 255, 255]], 3),  # a token behind padding
        ([[1, 2, 3, 254], [255, 255, 255, 255]], 4),
        ([[255, 255, 255, 255]], 1),
    ],
)
def test_longest_row_ends_behind_the_last_token_of_any_row(coordinates, longest) -> None:
    tokens = torch.full((len(coordinates), 4, 3), 255, dtype=torch.uint8)
    tokens[..., 0] = torch.tensor(coordinates, dtype=torch.uint8)
    tokens[..., 1:] = torch.randint(256, tokens[..., 1:].shape, dtype=torch.uint8)
    assert longest_row(tokens) == longest
    assert longest_row(tokens.transpose(0, 1).contiguous().transpose(0, 1)) == longest
    assert longest_row(tokens[:0]) == 1
