from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from policyfix.runtime.training.experience import (
    ExperienceBuffer,
    Field,
    experience_spec,
    importance_weights,
    observation_field,
    sample_segments,
    segment_probabilities,
)

SPEC = {"env_obs": Field((2,), torch.uint8), "rewards": Field((), torch.float32)}


def filled_buffer(groups=(slice(0, 2), slice(2, 4)), segments=8, horizon=4) -> ExperienceBuffer:
    """Every entry says which agent stored it, and when: 100 * agent + step."""
    buffer = ExperienceBuffer(SPEC, segments=segments, horizon=horizon, agents=4)
    for step in range(segments // 4 * horizon):
        for group in groups:
            assert not buffer.ready
            marks = 100.0 * torch.arange(group.start, group.stop) + step
            buffer.store(group, {"env_obs": marks.to(torch.uint8)[:, None].expand(-1, 2), "rewards": marks})
    return buffer


def test_segments_are_the_agents_stretches_of_time() -> None:
    buffer = filled_buffer()
    assert buffer.ready
    rows = [[100.0 * agent + start + t for t in range(4)] for start in (0, 4) for agent in range(4)]
    assert buffer.data["rewards"].tolist() == rows
    assert buffer.data["env_obs"].dtype == torch.uint8
    buffer.restart()
    assert not buffer.ready
    assert buffer.begins_segment(slice(0, 2))


def test_a_fast_group_waits_and_overwrites_nothing() -> None:
    buffer = ExperienceBuffer(SPEC, segments=4, horizon=2, agents=4)
    step = {"env_obs": torch.ones(2, 2).byte(), "rewards": torch.ones(2)}
    for _ in range(2):
        buffer.store(slice(2, 4), step)
    assert buffer.is_full(slice(2, 4))
    assert not buffer.ready
    with pytest.raises(ValueError, match="segments of agents 2 to 3 are full"):
        buffer.store(slice(2, 4), step)
    assert buffer.data["rewards"].sum(1).tolist() == [0, 0, 2, 2]


def test_an_update_is_kept() -> None:
    buffer = filled_buffer()
    buffer.update(torch.tensor([6, 1]), {"rewards": torch.tensor([[1.0] * 4, [2.0] * 4])})
    assert buffer.data["rewards"][[1, 6, 2]].tolist()[:2] == [[2.0] * 4, [1.0] * 4]
    assert buffer.data["rewards"][2].tolist() == [200, 201, 202, 203]


def test_each_segment_keeps_the_state_it_starts_from() -> None:
    buffer = ExperienceBuffer(SPEC, segments=8, horizon=2, agents=4)
    assert buffer.state(torch.tensor([0])) is None
    step = {"env_obs": torch.ones(2, 2).byte(), "rewards": torch.ones(2)}
    for time in range(4):
        for group in (slice(0, 2), slice(2, 4)):
            if buffer.begins_segment(group):
                mark = torch.arange(group.start, group.stop) + 10.0 * time
                h = mark.expand(3, 2)[..., None]
                buffer.store_state(group, {"lstm_h": h, "lstm_c": -h})
            else:
                with pytest.raises(ValueError, match="no segment"):
                    buffer.store_state(group, {"lstm_h": torch.zeros(3, 2, 1)})
            buffer.store(group, step)
    state = buffer.state(torch.tensor([7, 0, 5]))
    assert state["lstm_h"][1, :, 0].tolist() == [23.0, 0.0, 21.0]
    assert state["lstm_c"][2, :, 0].tolist() == [-23.0, 0.0, -21.0]


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (None, torch.uint8),
        (np.dtype("float32"), torch.float32),
        (torch.int16, torch.int16),
        (np.dtype("bool"), torch.bool),
    ],
)
def test_observations_are_stored_as_their_space_says(dtype: object, stored: torch.dtype) -> None:
    space = SimpleNamespace(shape=(np.int64(2),), dtype=dtype)
    assert observation_field(space) == Field((2,), stored)


def test_fractions_are_not_dropped_in_silence() -> None:
    buffer = ExperienceBuffer({"env_obs": Field((2,), torch.uint8)}, segments=2, horizon=2, agents=2)
    with pytest.raises(ValueError, match=r"'env_obs' is torch.float32, but stored as torch.uint8"):
        buffer.store(slice(0, 2), {"env_obs": torch.full((2, 2), 0.5)})
    with pytest.raises(ValueError, match="dtype object"):
        observation_field(SimpleNamespace(shape=(2,), dtype=np.dtype(object)))


def test_a_step_that_lacks_a_field_is_an_error_that_names_it() -> None:
    buffer = ExperienceBuffer(SPEC, segments=2, horizon=2, agents=2)
    with pytest.raises(KeyError, match="the step has no 'rewards'; it has env_obs"):
        buffer.store(slice(0, 2), {"env_obs": torch.ones(2, 2).byte()})


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((6, 4, 4), "multiple of 16 steps"), ((4, 0, 4), "must be positive"), ((2, 4, 4), "do not divide")],
)
def test_sizes_that_cannot_work_are_refused(sizes: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExperienceBuffer(SPEC, segments=sizes[0], horizon=sizes[1], agents=sizes[2])


def test_the_spec_joins_what_agent_and_trainer_need() -> None:
    spec = experience_spec({"env_obs": Field((200, 3), torch.uint8)}, Field((2,), torch.int32))
    assert spec["env_obs"].shape == (200, 3)
    assert {"rewards", "dones", "truncateds", "actions", "act_log_prob", "values"} < spec.keys()
    with pytest.raises(ValueError, match="fields of the trainer: values"):
        experience_spec({"values": Field((), torch.float32)}, Field((2,), torch.int32))


def test_surprising_segments_come_more_often_and_weigh_less() -> None:
    advantages = torch.tensor([[1.0, -1.0], [4.0, 4.0], [float("nan"), 1.0]])
    probs = segment_probabilities(advantages, 0.5)
    torch.testing.assert_close(probs, torch.tensor([0.3333, 0.6667, 0.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(segment_probabilities(advantages[:2], 0.0), torch.full((2,), 0.5))
    weights = importance_weights(probs[:2], 1.0)
    torch.testing.assert_close(weights.squeeze() * probs[:2], torch.full((2,), 0.5))


@given(st.integers(0, 2**31), st.integers(1, 40), st.data())
def test_segments_are_drawn_as_torch_draws_them(seed: int, segments: int, data) -> None:
    size = data.draw(st.integers(1, segments))
    torch.manual_seed(seed)
    probabilities = torch.rand(segments)
    state = torch.get_rng_state()
    drawn = sample_segments(probabilities, size)
    torch.set_rng_state(state)
    assert drawn.tolist() == torch.multinomial(probabilities, size).tolist()
