import torch
from torch import nn


class JointHead(nn.Module):
    """Logits of whole actions from embeddings of them, and the value."""

    def __init__(self, env, width, size=16):
        super().__init__()
        self.embeddings = nn.Embedding(sum(m + 1 for m in env.max_action_args), size)
        self.query = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, size), nn.Tanh())
        self.value = nn.Linear(width, 1)
        weight = torch.nn.init.orthogonal_(torch.empty_like(self.embeddings.weight))
        self.embeddings.weight = nn.Parameter(weight * (0.1 / weight.abs().max()))

    def forward(self, x):
        return torch.einsum("ne,ae->na", self.query(x), self.embeddings.weight), self.value(x)


class FlatHead(nn.Module):
    """A logit for each choice of each dimension."""

    def __init__(self, env, width):
        super().__init__()
        self.out = nn.Linear(width, int(env.single_action_space.nvec.sum()) + 1)

    def forward(self, x):
        out = self.out(x)
        return out[:, :-1], out[:, -1:]
