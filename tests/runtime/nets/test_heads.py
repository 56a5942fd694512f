import pytest
import torch

from policyfix.runtime.nets.heads import BilinearHead, BilinearHeadBig


def test_one_embedding_per_action_or_one_per_row_and_action_give_the_same() -> None:
    hidden, embeddings = torch.randn(5, 6), torch.randn(3, 4)
    for head in (BilinearHead(6, 4), BilinearHeadBig(6, 4, num_scores=7, mlp_hidden_dim=8)):
        logits = head(hidden, embeddings)
        assert logits.shape == (5, 3)
        torch.testing.assert_close(logits, head(hidden, embeddings.expand(5, 3, 4)))


def test_logits_are_the_products_of_squashed_queries_with_embeddings() -> None:
    hidden, embeddings, head = torch.randn(5, 6), torch.randn(3, 4), BilinearHead(6, 4)
    logits = head(hidden, embeddings)
    for row in range(5):
        for action in range(3):
            expected = torch.tanh(hidden[row] @ head.W[0]) @ embeddings[action] + head.bias[0]
            torch.testing.assert_close(logits[row, action], expected)


def test_the_big_head_feeds_its_scores_to_a_perceptron() -> None:
    hidden, embeddings, head = (
        torch.randn(2, 6),
        torch.randn(3, 4),
        BilinearHeadBig(6, 4, num_scores=5, mlp_hidden_dim=8),
    )
    logits = head(hidden, embeddings)
    queries = torch.stack([torch.tanh(hidden[1] @ head.W[score]) for score in range(5)])
    scores = queries @ embeddings[2] + head.bias
    torch.testing.assert_close(logits[1, 2], head._mlp(scores)[0])


@pytest.mark.parametrize("seed", range(3))
def test_parameters_start_uniform_within_the_bound(seed: int) -> None:
    torch.manual_seed(seed)
    head = BilinearHead(512, 16)
    bound = 512**-0.5
    assert 0.99 * bound < head.W.abs().max() <= bound
    assert abs(float(head.W.detach().std()) - bound / 3**0.5) < 1e-3
    assert head.bias.abs() <= bound
