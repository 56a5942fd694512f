import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from policyfix.runtime.training.advantage import advantages, transitions

GAMMA, LAMBDA = 0.9, 0.8


def random_segments(seed: int, rows: int, steps: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    numbers = {name: torch.randn(rows, steps, dtype=torch.float64) for name in ("values", "rewards")}
    flags = {name: torch.rand(rows, steps) < 0.25 for name in ("dones", "truncateds")}
    return {**numbers, **flags, "ratio": torch.rand(rows, steps, dtype=torch.float64) * 2}


def step_by_step(values, rewards, dones, truncateds, ratio, alignment) -> Tensor:
    """The definition, one number after the other, told from what happens to an episode."""
    result = torch.zeros_like(values)
    for row in range(len(values)):
        later = 0.0
        for t in reversed(range(values.shape[1] - 1)):
            if alignment == "last" and (dones[row, t] or truncateds[row, t]):
                later = 0.0
                continue
            if dones[row, t + 1]:
                bootstrap = 0.0
            elif truncateds[row, t + 1] and alignment == "first":
                bootstrap = values[row, t]
            else:
                bootstrap = values[row, t + 1]
            goes_on = not (dones[row, t + 1] or truncateds[row, t + 1])
            weight = min(float(ratio[row, t]), 1.0)
            delta = weight * (rewards[row, t + 1] + GAMMA * bootstrap - values[row, t])
            later = delta + GAMMA * LAMBDA * weight * goes_on * later
            result[row, t] = later
    return result


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 4),
    steps=st.integers(1, 17),
    alignment=st.sampled_from(["first", "last"]),
)
def test_the_scan_is_the_recursion(seed: int, rows: int, steps: int, alignment: str) -> None:
    segments = random_segments(seed, rows, steps)
    ours = advantages(**segments, gamma=GAMMA, gae_lambda=LAMBDA, alignment=alignment)
    torch.testing.assert_close(ours, step_by_step(**segments, alignment=alignment), rtol=0, atol=1e-12)


@pytest.mark.parametrize("flag", ["dones", "truncateds"])
@pytest.mark.parametrize("alignment", ["first", "last"])
def test_nothing_of_the_next_episode_enters(flag: str, alignment: str) -> None:
    segments = random_segments(0, 1, 8)
    for name in ("dones", "truncateds"):
        segments[name] = torch.zeros(1, 8, dtype=torch.bool)
    segments[flag][:, 4] = True
    before = advantages(**segments, gamma=GAMMA, gae_lambda=LAMBDA, alignment=alignment)
    own = 5 if alignment == "last" else 4  # steps of the first episode
    for name in ("values", "rewards"):
        segments[name][:, own + (name == "rewards" and alignment == "first") :] += 100
    after = advantages(**segments, gamma=GAMMA, gae_lambda=LAMBDA, alignment=alignment)
    torch.testing.assert_close(after[:, :4], before[:, :4])
    assert (after[:, 5:7] - before[:, 5:7]).abs().min() > 1


def test_without_truncations_the_reference_leaks_from_the_next_episode() -> None:
    segments = random_segments(0, 1, 4) | {"dones": torch.zeros(1, 4)}
    segments["truncateds"] = torch.tensor([[False, False, True, False]])
    ours = advantages(**segments, gamma=GAMMA, gae_lambda=LAMBDA)
    reference = advantages(**segments | {"truncateds": None}, gamma=GAMMA, gae_lambda=LAMBDA)
    assert (ours - reference)[0, :2].abs().min() > 1e-3
    assert torch.equal(ours[:, 2:], reference[:, 2:])


def test_transitions_end_with_the_segment_and_before_ignored_actions() -> None:
    dones = torch.tensor([[False, True, False, False]])
    truncateds = torch.tensor([[False, False, True, False]])
    assert transitions(dones, truncateds).tolist() == [[True, True, True, False]]
    assert transitions(dones, truncateds, "last").tolist() == [[True, False, False, False]]
    with pytest.raises(ValueError, match='"first" or "last", got \'same\''):
        transitions(dones, truncateds, "same")


def test_wrong_shapes_are_named() -> None:
    values = torch.zeros(2, 5)
    with pytest.raises(ValueError, match=r"dones must be \[B, T\] = \[2, 5\] as values, got \[5, 2\]"):
        advantages(values, values, values.T, gamma=GAMMA, gae_lambda=LAMBDA)
