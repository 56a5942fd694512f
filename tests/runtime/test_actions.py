import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical

from policyfix.runtime import actions as codec


@given(st.lists(st.integers(0, 12), min_size=1, max_size=10))
def test_joint_index_and_action_are_inverse_over_every_action(maxima: list[int]) -> None:
    cumulated, pairs = codec.joint_action_tables(maxima)
    everything = [(kind, p) for kind, maximum in enumerate(maxima) for p in range(maximum + 1)]
    assert pairs.tolist() == [list(pair) for pair in everything]
    assert pairs.dtype == torch.int32
    assert cumulated.dtype == torch.int64
    index = codec.joint_index(pairs, cumulated)
    assert index.tolist() == list(range(len(everything)))
    assert torch.equal(codec.joint_action(index, pairs), pairs)


def test_the_reference_example() -> None:
    cumulated, pairs = codec.joint_action_tables([0, 1, 3, 8, 0, 0, 0])
    assert cumulated.tolist() == [0, 0, 1, 4, 12, 12, 12, 12]
    assert len(pairs) == 19
    assert codec.joint_index(torch.tensor([[3, 8], [2, 1], [6, 0]]), cumulated).tolist() == [15, 4, 18]


@pytest.mark.parametrize("maxima", [[], [0, -1]])
def test_impossible_maxima_are_refused(maxima: list[int]) -> None:
    with pytest.raises(ValueError, match="max_action_args"):
        codec.joint_action_tables(maxima)


def test_sampling_draws_what_multinomial_draws() -> None:
    log_probs = torch.randn(200, 9).log_softmax(-1)
    torch.manual_seed(3)
    expected = torch.multinomial(log_probs.exp(), 1).squeeze(-1)
    torch.manual_seed(3)
    assert torch.equal(codec.sample_index(log_probs), expected)


def test_sampling_follows_the_probabilities_and_never_takes_an_impossible_action() -> None:
    probs = torch.tensor([0.0, 0.1, 0.2, 0.7])
    torch.manual_seed(0)
    drawn = codec.sample_index(probs.log().expand(20_000, 4))
    frequency = drawn.bincount(minlength=4) / len(drawn)
    assert frequency[0] == 0
    assert (frequency - probs).abs().max() < 0.02


def test_nan_logits_are_loud() -> None:
    with pytest.raises(RuntimeError, match="NaN"):
        codec.sample_index(torch.tensor([[0.0, torch.nan]]))


def test_entropy_and_its_gradient_stay_finite_where_an_action_is_impossible() -> None:
    logits = torch.tensor([[0.3, -torch.inf, 1.0], [5e4, 0.0, 0.0]], requires_grad=True)
    entropy = codec.entropy(codec.action_log_probs(logits))
    expected = Categorical(logits=torch.tensor([0.3, 1.0])).entropy()
    assert torch.allclose(entropy, torch.stack([expected, torch.tensor(0.0)]))
    (gradient,) = torch.autograd.grad(entropy.sum(), logits)
    assert gradient.isfinite().all()


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(2, 9), st.integers(0, 10_000))
def test_log_probs_and_entropy_agree_with_torch_distributions(rows: int, width: int, seed: int) -> None:
    logits = 3 * torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    index = torch.randint(width, (rows,), generator=torch.Generator().manual_seed(seed))
    log_probs = codec.action_log_probs(logits)
    assert torch.allclose(
        codec.log_prob_at(log_probs, index), Categorical(logits=logits).log_prob(index), atol=1e-6
    )
    assert torch.allclose(codec.entropy(log_probs), Categorical(logits=logits).entropy(), atol=1e-6)


def test_an_index_beyond_the_logits_is_impossible_and_leaves_other_gradients_alone() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    taken = codec.log_prob_at(codec.action_log_probs(logits), torch.tensor([1, 4]))
    assert taken[0].item() == pytest.approx(-1.0986123)
    assert taken[1] == -torch.inf
    (gradient,) = torch.autograd.grad(taken[0], logits)
    assert gradient[0].abs().sum() > 0
    assert (gradient[1] == 0).all()


def test_half_precision_logits_give_float32_log_probs() -> None:
    assert codec.action_log_probs(torch.zeros(1, 3, dtype=torch.bfloat16)).dtype == torch.float32
    assert codec.action_log_probs(torch.zeros(1, 3, dtype=torch.float64)).dtype == torch.float64
