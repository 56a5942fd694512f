import torch
from torch import nn

from .base import Component


class ActionEmbedding(Component):
    """Rows by action name, so that an action keeps its row when the action set changes."""

    def __init__(self, initial_max=0.1, **cfg):
        super().__init__(**cfg)
        self.initial_max = initial_max
        self.row_of = {}

    def make_net(self):
        net = nn.Embedding(self.nn_params["num_embeddings"], self.nn_params["embedding_dim"])
        nn.init.orthogonal_(net.weight)
        with torch.no_grad():
            net.weight.mul_(self.initial_max / net.weight.abs().max())
        self.out_shape = [None, net.embedding_dim]
        return net

    def activate(self, names, device):
        for name in names:
            self.row_of.setdefault(name, len(self.row_of) + 1)
        rows = torch.tensor([self.row_of[name] for name in names], device=device)
        self.register_buffer("rows", rows, persistent=False)

    def compute(self, td, fold):
        rows = self.net(self.rows)
        td[self.name] = rows.expand(td.batch_size[0], -1, -1)
        return td


class BilinearActor(Component):
    def __init__(self, temperature=None, **cfg):
        super().__init__(**cfg)

    def make_net(self):
        hidden, embedding = self.in_shapes[0][0], self.in_shapes[1][1]
        self.out_shape = [None]
        self.bias = nn.Parameter(torch.zeros(1))
        net = nn.Linear(hidden, embedding)
        nn.init.orthogonal_(net.weight)
        return net

    def compute(self, td, fold):
        query = self.net(td[self.sources[0]]).tanh()
        td[self.name] = torch.einsum("be,bae->ba", query, td[self.sources[1]]) + self.bias
        return td
