"""Action heads: from what the actor knows, and an embedding per joint action, to logits."""

import math

import torch
from torch import Tensor, nn


class BilinearHead(nn.Module):
    """`logits[n, a] = tanh(h[n] W) . e[a] + bias`, one query for all actions.

    Parameters: `W` `[1, hidden, E]` and `bias` `[1]`, uniform within 1/sqrt(hidden). The query is computed
    once per row, so no `[N, A, hidden]` tensor exists.
    """

    def __init__(self, hidden_size: int, embedding_dim: int) -> None:
        """Raises ValueError for sizes below 1."""
        super().__init__()
        self.W, self.bias = _bilinear_parameters(1, hidden_size, embedding_dim)

    def forward(self, hidden: Tensor, embeddings: Tensor) -> Tensor:
        """Logits `[N, A]` of `hidden` `[N, hidden]` and `embeddings` `[A, E]`, or `[N, A, E]`: a set per
        row."""
        if embeddings.dim() == 2:
            return torch.addmm(self.bias, torch.tanh(hidden @ self.W[0]), embeddings.t())
        return _scores(hidden, embeddings, self.W)[..., 0] + self.bias


class BilinearHeadBig(nn.Module):
    """K bilinear scores per action, then a perceptron: `[N, A, K]` -> ReLU -> `mlp_hidden` -> ReLU -> logits.

    Parameters: `W` `[K, hidden, E]` and `bias` `[K]`, uniform within 1/sqrt(hidden), and `_mlp`.
    """

    def __init__(
        self, hidden_size: int, embedding_dim: int, *, num_scores: int = 32, mlp_hidden_dim: int = 512
    ) -> None:
        """Raises ValueError for sizes below 1."""
        super().__init__()
        self.W, self.bias = _bilinear_parameters(num_scores, hidden_size, embedding_dim)
        self._mlp = nn.Sequential(
            nn.ReLU(), nn.Linear(num_scores, mlp_hidden_dim), nn.ReLU(), nn.Linear(mlp_hidden_dim, 1)
        )

    def forward(self, hidden: Tensor, embeddings: Tensor) -> Tensor:
        """As `BilinearHead.forward`."""
        logits: Tensor = self._mlp(_scores(hidden, embeddings, self.W) + self.bias).squeeze(-1)
        return logits


def _bilinear_parameters(
    scores: int, hidden_size: int, embedding_dim: int
) -> tuple[nn.Parameter, nn.Parameter]:
    if min(scores, hidden_size, embedding_dim) < 1:
        raise ValueError(f"a bilinear head needs sizes >= 1, got {scores}, {hidden_size}, {embedding_dim}")
    bound = 1 / math.sqrt(hidden_size)
    weight = torch.empty(scores, hidden_size, embedding_dim).uniform_(-bound, bound)
    return nn.Parameter(weight), nn.Parameter(torch.empty(scores).uniform_(-bound, bound))


def _scores(hidden: Tensor, embeddings: Tensor, weight: Tensor) -> Tensor:
    """`[N, A, K]`: the product of each of a row's K queries with each action's embedding."""
    scores, _, width = weight.shape
    queries = torch.tanh(hidden @ weight.transpose(0, 1).flatten(1)).view(-1, scores, width)
    if embeddings.dim() == 2:
        return (queries.flatten(0, 1) @ embeddings.t()).view(-1, scores, embeddings.shape[0]).transpose(1, 2)
    return embeddings @ queries.transpose(1, 2)
